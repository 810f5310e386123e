import type { Handlers } from '../handler.ts';
import type { Live } from '../live.ts';

const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' };

export function eventHandlers(live: Live): Handlers<'events.stream'> {
  return {
    'events.stream': async ({ request, query, isHead, breakOff }) => {
      if (isHead) return new Response(null, { headers });
      const lastEventId = request.headers.get('last-event-id') ?? query.last_event_id;
      const events = live.listen(lastEventId, () => breakOff(new Error('a listener did not keep up')));
      return new Response(events, { headers });
    },
  };
}
