import { describe, expect, it } from 'vitest';
import { originProblem } from './origin.ts';

const access = { allowedOrigins: ['https://tools.example'] };
const host = ['Host', '127.0.0.1:3000'];
const json = ['Content-Type', 'application/json'];
const own = ['Origin', 'http://127.0.0.1:3000', 'Sec-Fetch-Site', 'same-origin', 'Sec-Fetch-Mode', 'cors'];
const mark = ['x-throughline-request', '1'];

function judge(area: 'v1' | 'api', method: string, ...headers: string[]): string | undefined {
  return originProblem([...host, ...headers], method, area, access)?.code;
}

describe('requests to /v1', () => {
  it('pass when they come from a program', () => {
    expect(judge('v1', 'POST', ...json)).toBeUndefined();
    expect(judge('v1', 'POST', 'Content-Type', 'text/plain')).toBeUndefined();
    // Node's own fetch says this of itself.
    expect(judge('v1', 'POST', ...json, 'sec-fetch-mode', 'cors')).toBeUndefined();
  });

  it.each(['null', 'https://evil.com', 'http://127.0.0.1:3000', 'http://localhost:3000', '', 'file://'])(
    'SEC-02: are refused with the Origin "%s"',
    (origin) => {
      expect(judge('v1', 'POST', ...json, 'Origin', origin)).toBe('foreign-origin');
      expect(judge('v1', 'GET', 'origin', origin)).toBe('foreign-origin');
    },
  );

  it('SEC-02: are refused when an image or a link of another site makes them', () => {
    expect(judge('v1', 'GET', 'Sec-Fetch-Site', 'cross-site', 'Sec-Fetch-Dest', 'image')).toBe(
      'foreign-origin',
    );
    expect(judge('v1', 'GET', 'Sec-Fetch-Site', 'same-site')).toBe('foreign-origin');
    const link = ['Sec-Fetch-Site', 'cross-site', 'Sec-Fetch-Mode', 'navigate', 'Sec-Fetch-Dest', 'document'];
    expect(judge('v1', 'GET', ...link)).toBe('foreign-origin');
  });

  it('pass from an origin that is allowed by name, and from no other that looks like it', () => {
    const site = ['Sec-Fetch-Site', 'cross-site'];
    expect(judge('v1', 'POST', 'Origin', 'https://tools.example', ...site)).toBeUndefined();
    for (const origin of [
      'https://tools.example.evil',
      'http://tools.example',
      'https://tools.example:444',
    ]) {
      expect(judge('v1', 'POST', 'Origin', origin, ...site)).toBe('foreign-origin');
    }
    const twice = ['Origin', 'https://tools.example', 'Origin', 'https://evil.com'];
    expect(judge('v1', 'POST', ...twice)).toBe('foreign-origin');
  });
});

describe('requests to our own pages and API', () => {
  it('pass from programs and from our own pages', () => {
    expect(judge('api', 'GET')).toBeUndefined();
    expect(judge('api', 'GET', ...own)).toBeUndefined();
    expect(judge('api', 'GET', 'Sec-Fetch-Site', 'none')).toBeUndefined();
    expect(judge('api', 'DELETE')).toBeUndefined();
    expect(judge('api', 'POST', ...json, 'Content-Length', '2')).toBeUndefined();
  });

  it.each([
    'null',
    'https://evil.com',
    'http://127.0.0.1:8080',
    'https://127.0.0.1:3000',
    'http://localhost:3000',
  ])('SEC-02: are refused with the Origin "%s"', (origin) => {
    for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS']) {
      expect(judge('api', method, ...json, ...mark, 'Origin', origin)).toBe('foreign-origin');
    }
  });

  it('SEC-02: are refused when another site loads them as image, script or frame', () => {
    for (const destination of ['image', 'script', 'iframe', 'style', 'empty']) {
      const headers = ['Sec-Fetch-Site', 'cross-site', 'Sec-Fetch-Dest', destination];
      expect(judge('api', 'GET', ...headers, 'Sec-Fetch-Mode', 'no-cors')).toBe('foreign-origin');
      expect(judge('api', 'GET', ...headers, 'Sec-Fetch-Mode', 'navigate')).toBe('foreign-origin');
    }
  });

  it('pass when a person follows a link to the dashboard', () => {
    const link = ['Sec-Fetch-Site', 'cross-site', 'Sec-Fetch-Mode', 'navigate', 'Sec-Fetch-Dest', 'document'];
    expect(judge('api', 'GET', ...link)).toBeUndefined();
    expect(judge('api', 'POST', ...link, ...json, ...mark)).toBe('foreign-origin');
  });

  it('SEC-16: change something from a page only as JSON with the header that no form can send', () => {
    expect(judge('api', 'DELETE', ...own, ...mark)).toBeUndefined();
    expect(judge('api', 'POST', ...own, ...mark, ...json, 'Content-Length', '2')).toBeUndefined();
    expect(judge('api', 'DELETE', ...own)).toBe('foreign-origin');
    expect(judge('api', 'POST', ...own, ...json, 'Content-Length', '2')).toBe('foreign-origin');
    expect(judge('api', 'DELETE', 'Sec-Fetch-Site', 'none', ...mark)).toBe('foreign-origin');
  });

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonp',
    '',
  ])('SEC-16: change nothing with a body of type "%s", whoever asks', (type) => {
    expect(judge('api', 'POST', 'Content-Type', type, 'Content-Length', '2')).toBe('foreign-origin');
    expect(judge('api', 'POST', ...own, ...mark, 'Content-Type', type)).toBe('foreign-origin');
  });

  it('SEC-16: change nothing with a body of no type', () => {
    expect(judge('api', 'POST', 'Content-Length', '2')).toBe('foreign-origin');
    expect(judge('api', 'POST', 'Transfer-Encoding', 'chunked')).toBe('foreign-origin');
    expect(judge('api', 'DELETE', 'Content-Length', '0')).toBeUndefined();
  });
});
