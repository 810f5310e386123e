import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { askOnce, startFakeProvider, startThroughline } from '#test-support';
import { runCommand } from './handover-fixture.ts';

it('SEC-09: a reload with another address and the same key changes nothing, and with a key for it everything', async () => {
  await using own = await startFakeProvider({ keepRawBytes: true });
  await using other = await startFakeProvider({ keepRawBytes: true });
  await using throughline = await startThroughline({
    providerOrigin: own.origin,
    config: { providers: { anthropic: { api_key: 'planted-key' } } },
  });
  const { configFile } = throughline.home;
  const good = readFileSync(configFile, 'utf8');
  const ask = () =>
    askOnce(throughline.frontUrl, { method: 'POST', target: '/v1/messages', headers: [], body: '{}' });

  const moved = good.replaceAll(own.origin, other.origin);
  writeFileSync(configFile, moved);
  const refused = await runCommand(throughline, ['reload']);
  expect(refused).toMatchObject({ code: 5, stdout: '' });
  expect(refused.stderr).toMatch(/E1013 .*given for http.* and would be sent to http/);
  expect(refused.stderr).toContain(`api_key_origin: ${other.origin}`);
  expect(refused.stderr).not.toContain('planted');
  await ask();
  expect(other.requests).toEqual([]);
  expect(own.requests[0]!.header('x-api-key')).toBe('planted-key');

  writeFileSync(configFile, moved.replace('planted-key', 'key-for-the-other'));
  expect(await runCommand(throughline, ['reload'])).toMatchObject({ code: 0 });
  await ask();
  expect(other.requests[0]!.header('x-api-key')).toBe('key-for-the-other');
  const remembered = readFileSync(join(throughline.dataDir, 'key-origins.json'), 'utf8');
  expect(remembered).toContain(other.origin);
  expect(remembered + throughline.logs()).not.toMatch(/planted-key|key-for-the-other/);
}, 90_000);
