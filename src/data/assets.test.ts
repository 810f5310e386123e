import { describe, expect, it } from 'vitest';
import { startPage, startPageScript } from './start-page.ts';
import { runServer } from './testing/running-server.ts';

describe('the start page', () => {
  it('is at / and /ui, and loads only files of its own', async () => {
    await using data = await runServer();
    for (const path of ['/', '/ui']) {
      const page = await data.get(path);
      expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(page.headers.get('content-security-policy')).toContain("script-src 'self'");
      expect(await page.text()).toBe(startPage);
    }
    const addresses = [...startPage.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1]!);
    for (const address of addresses.filter((each) => !each.startsWith('data:'))) {
      const file = await data.get(address);
      expect(file.status, address).toBe(200);
      expect(file.headers.get('content-type')).toMatch(/^text\/(css|javascript); charset=utf-8$/);
      expect((await file.text()).length).toBeGreaterThan(100);
    }
  });

  it('SEC-11: holds nothing inline and makes no markup out of what it shows', () => {
    expect(startPage).not.toMatch(/<script(?![^>]* src=)|<style|\son\w+=|style=/i);
    expect(startPageScript).not.toMatch(/innerHTML|outerHTML|insertAdjacent|document\.write|eval|Function\(/);
    // It is not compiled anywhere else: at least it must be a program.
    expect(() => new Function(startPageScript)).not.toThrow();
  });
});
