import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '#test-support';
import { exampleExchange } from '../testing/example-exchange.ts';
import { type RunningServer, runServer } from '../testing/running-server.ts';

const pixel = Buffer.from('an image, as far as anybody here can tell');
const request = (system: string, ...contents: unknown[]) =>
  JSON.stringify({
    model: 'claude-large-1',
    system,
    messages: contents.map((content) => ({ role: 'user', content })),
  });
const image = {
  type: 'image',
  source: { type: 'base64', media_type: 'image/png', data: pixel.toString('base64') },
};
const page = {
  type: 'document',
  source: {
    type: 'base64',
    media_type: 'text/html',
    data: Buffer.from('<script>alert(1)</script>').toString('base64'),
  },
};

let server: RunningServer;
const first = exampleExchange({ number: 0, request: request('Be brief.', 'one') });
const second = exampleExchange({ number: 1, request: request('Be brief.', 'one', 'two', [image, page]) });
const other = exampleExchange({
  number: 2,
  request: request('Be long.', 'one'),
  facts: { agentId: 'agent-b' },
});
const [firstId, secondId, otherId] = [first, second, other].map(({ exchange }) => exchange.id);

beforeAll(async () => {
  server = await runServer({ hasThreads: true });
  await server.store(first, second, other);
  await waitFor(async () => {
    const status = server.threads?.index.status;
    return status?.state === 'current' && status.through === 3;
  });
});
afterAll(() => server[Symbol.asyncDispose]());

describe('the outline of a request', () => {
  it('lists the blocks of the request and of the streamed answer', async () => {
    const outline = (await server.json(`/api/v2/requests/${firstId}/outline`)) as {
      blocks: { at: string; preview: string }[];
    };
    expect(outline).toMatchObject({ requestId: firstId, problems: [] });
    expect(outline.blocks.map(({ at, preview }) => [at, preview])).toEqual([
      ['s0', 'Be brief.'],
      ['m0.b0', 'one'],
      ['a0.b0', 'Good morning'],
    ]);
  });

  it('says of a body that cannot be decoded why there are no blocks', async () => {
    const broken = exampleExchange({
      number: 5,
      request: 'not gzip',
      facts: { requestHeaders: ['content-encoding', 'gzip'], sessionId: 'broken' },
    });
    await server.store(broken);
    expect(await server.json(`/api/v2/requests/${broken.exchange.id}/outline`)).toMatchObject({
      blocks: [{ at: 'a0.b0' }],
      problems: ['The request has no outline: The content encoding cannot be undone.'],
    });
  });
});

describe('a block', () => {
  it('is given as it stands in the body', async () => {
    expect(await server.json(`/api/v2/requests/${secondId}/block?at=m2.b0`)).toMatchObject({
      requestId: secondId,
      outline: { at: 'm2.b0', type: 'image', mediaType: 'image/png' },
      block: image,
      isCut: false,
    });
    expect(await server.json(`/api/v2/requests/${firstId}/block?at=a0.b0`)).toMatchObject({
      block: { type: 'text', text: 'Good morning' },
    });
  });

  it('gives the bytes of an image; of anything else only as a download that runs nothing', async () => {
    const picture = await server.get(`/api/v2/requests/${secondId}/block?at=m2.b0&form=media`);
    expect(Buffer.from(await picture.arrayBuffer())).toEqual(pixel);
    expect(picture.headers.get('content-type')).toBe('image/png');
    const document = await server.get(`/api/v2/requests/${secondId}/block?at=m2.b1&form=media`);
    expect(document.headers.get('content-type')).toBe('application/octet-stream');
    expect(document.headers.get('content-disposition')).toMatch(/^attachment;/);
    expect(document.headers.get('content-security-policy')).toContain('sandbox');
    await document.arrayBuffer();
    expect((await server.get(`/api/v2/requests/${secondId}/block?at=m0.b0&form=media`)).status).toBe(400);
  });

  it('that is not there is told from a place that cannot be', async () => {
    const absent = await server.get(`/api/v2/requests/${firstId}/block?at=m9.b0`);
    expect([absent.status, await absent.json()]).toEqual([
      404,
      {
        error: 'There is nothing at m9.b0. The outline of the request lists what there is.',
        code: 'not-found',
      },
    ]);
    for (const at of ['', 'x', 'm1', '../a', 'm1.b0.b0'])
      expect((await server.get(`/api/v2/requests/${firstId}/block?at=${at}`)).status, at).toBe(400);
    expect((await server.get(`/api/v2/requests/${'f'.repeat(32)}/block?at=m0.b0`)).status).toBe(404);
  });
});

describe('a comparison', () => {
  it('is with the request before by the same agent, unless another one is named', async () => {
    expect(await server.json(`/api/v2/requests/${secondId}/compare`)).toMatchObject({
      requestId: secondId,
      comparedWith: firstId,
      samePrefix: { blocks: 2 },
      firstDifference: null,
      rows: [
        { change: 'same', before: 's0', after: 's0', blocks: 2 },
        { change: 'added', after: { at: 'm1.b0', preview: 'two' } },
        { change: 'added', after: { at: 'm2.b0', type: 'image' } },
        { change: 'added', after: { at: 'm2.b1', type: 'document' } },
      ],
    });
    expect(await server.json(`/api/v2/requests/${otherId}/compare?with=${firstId}`)).toMatchObject({
      comparedWith: firstId,
      samePrefix: { blocks: 0, bytes: 0 },
      firstDifference: { part: 'system', before: 's0', after: 's0' },
      rows: [
        { change: 'changed', before: { preview: 'Be brief.' }, after: { preview: 'Be long.' } },
        { change: 'same', blocks: 1 },
      ],
    });
  });

  it('of the first one shows that everything is new', async () => {
    expect(await server.json(`/api/v2/requests/${firstId}/compare`)).toMatchObject({
      comparedWith: null,
      samePrefix: { blocks: 0 },
      rows: [{ change: 'added' }, { change: 'added' }],
    });
  });

  it('with a request that does not exist is refused', async () => {
    expect((await server.get(`/api/v2/requests/${firstId}/compare?with=${'e'.repeat(32)}`)).status).toBe(404);
  });
});
