import { pageSecurityPolicy } from './security-headers.ts';
import { startPage, startPageScript, startPageStyle } from './start-page.ts';

/** Every static file by its path. They are held in memory: no path from a request ever reaches the disk. */
export const assets: ReadonlyMap<string, (isHead: boolean) => Response> = new Map([
  ['/', asset('text/html; charset=utf-8', startPage)],
  ['/ui', asset('text/html; charset=utf-8', startPage)],
  ['/assets/start-page.css', asset('text/css; charset=utf-8', startPageStyle)],
  ['/assets/start-page.js', asset('text/javascript; charset=utf-8', startPageScript)],
]);

function asset(contentType: string, text: string): (isHead: boolean) => Response {
  const headers = { 'content-security-policy': pageSecurityPolicy, 'content-type': contentType };
  return (isHead) => new Response(isHead ? null : text, { headers });
}
