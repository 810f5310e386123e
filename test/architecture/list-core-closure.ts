/** Prints the files that proxy-core consists of, for `core-closure.txt`. */
import { closureOf } from './imports.ts';

console.log(closureOf('src/core/main.ts').files.join('\n'));
