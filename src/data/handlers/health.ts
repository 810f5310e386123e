import type { DataHealth } from '#api';
import type { Handlers } from '../handler.ts';

export interface HealthHandlerSources {
  readonly health: () => Promise<DataHealth>;
  readonly isDraining: () => boolean;
  readonly metricsText: () => Promise<string>;
}

export function healthHandlers({
  health,
  isDraining,
  metricsText,
}: HealthHandlerSources): Handlers<'health.data' | 'health.live' | 'health.ready' | 'health.metrics'> {
  return {
    'health.data': async () => {
      const body = await health();
      return { body, status: body.status === 'unavailable' ? 503 : 200 };
    },
    'health.live': async () => textResponse('ok\n', 200),
    'health.ready': async () => {
      if (isDraining()) return textResponse('leaving\n', 503);
      const { status } = await health();
      return status === 'unavailable'
        ? textResponse('database unavailable\n', 503)
        : textResponse('ok\n', 200);
    },
    'health.metrics': async () =>
      textResponse(await metricsText(), 200, 'text/plain; version=0.0.4; charset=utf-8'),
  };
}

function textResponse(text: string, status: number, contentType = 'text/plain; charset=utf-8'): Response {
  return new Response(text, { status, headers: { 'content-type': contentType } });
}
