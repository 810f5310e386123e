/**
 * HTTP of Node. Not imported, because an `import` reads every export of `node:http`, and one of them loads the whole
 * client behind `fetch`, which proxy-core never uses: 7 MiB of memory and 40 ms of each start.
 */
export const http = process.getBuiltinModule('node:http');
export const https = process.getBuiltinModule('node:https');
