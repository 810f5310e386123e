import { join } from 'node:path';
import { projectDirectory } from './child-process.ts';

/**
 * The command line that tests run: the built one of `global-setup.ts`, as users have it. From source every process
 * would strip the types of what it loads first, which takes most of the time of a test that starts many.
 */
export const ownCli = process.env.THROUGHLINE_TEST_CLI ?? join(projectDirectory, 'src/cli/main.ts');
