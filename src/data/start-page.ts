/** The page at `/` until the dashboard is built: what is running, and the last requests. */
export const startPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Throughline</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/assets/start-page.css">
<script src="/assets/start-page.js" defer></script>
</head>
<body>
<header><h1>Throughline</h1><p id="health" role="status">Asking how things are …</p></header>
<main>
<h2 id="title">Last requests</h2>
<p id="note" role="status"></p>
<table aria-labelledby="title">
<thead><tr><th scope="col">Time</th><th scope="col">Request</th><th scope="col">Model</th><th scope="col">Status</th>
<th scope="col">In</th><th scope="col">Out</th><th scope="col">Time taken</th><th scope="col">Session</th></tr></thead>
<tbody id="rows"></tbody>
</table>
<noscript><p>The list needs JavaScript; <code>throughline tail</code> shows the same in a terminal.</p></noscript>
</main>
</body>
</html>
`;

export const startPageStyle = `:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 72rem; padding: 1rem; }
header { align-items: baseline; display: flex; flex-wrap: wrap; gap: 0 1.5rem; }
h1 { font-size: 1.4rem; margin: 0; }
h2 { font-size: 1.1rem; }
main { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
th, td { border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); padding: .3rem .6rem; text-align: left; white-space: nowrap; }
td { max-width: 22rem; overflow: hidden; text-overflow: ellipsis; unicode-bidi: isolate; }
tr.failed td { color: light-dark(#a40000, #ff8a80); }
`;

// Everything that came over the wire is put on the page as text, never as markup.
export const startPageScript = `'use strict';
const rowsMax = 50;
const rows = document.getElementById('rows');
const note = document.getElementById('note');
const known = new Set();

function cell(text) {
  const element = document.createElement('td');
  element.textContent = text;
  element.title = text;
  return element;
}

function row(request) {
  const element = document.createElement('tr');
  const status = request.statusCode === undefined ? '–' : String(request.statusCode);
  const isWhole = request.outcome === 'complete' && request.statusCode < 400;
  if (!isWhole) element.className = 'failed';
  element.append(
    cell(new Date(request.timestamp).toLocaleTimeString()),
    cell(request.method + ' ' + request.endpoint),
    cell(request.answeredModel ?? request.model ?? ''),
    cell(isWhole ? status : status + ' ' + request.outcome),
    cell(request.usage ? String(request.usage.input_tokens) : ''),
    cell(request.usage ? String(request.usage.output_tokens) : ''),
    cell(request.responseTime === undefined ? '' : request.responseTime + ' ms'),
    cell((request.sessionId ?? '').slice(0, 8)),
  );
  return element;
}

function show(request) {
  if (known.has(request.requestId)) return;
  known.add(request.requestId);
  rows.prepend(row(request));
  while (rows.children.length > rowsMax) rows.lastElementChild.remove();
  note.textContent = '';
}

function showHealth(health) {
  const recorder = 'recorder ' + health.recorder.state;
  document.getElementById('health').textContent = 'Database ' + health.database + ', ' + recorder;
}

async function load() {
  const answer = await fetch('/api/v2/requests?limit=' + rowsMax);
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error);
  known.clear();
  rows.replaceChildren();
  for (const request of body.requests.reverse()) show(request);
  if (known.size === 0) note.textContent = 'Nothing yet. Point ANTHROPIC_BASE_URL at this address and send a request.';
}

function reload() {
  load().catch((error) => { note.textContent = error.message; });
}

function listen() {
  const events = new EventSource('/api/v2/events');
  events.addEventListener('ready', reload);
  events.addEventListener('reset', reload);
  events.addEventListener('request-stored', (event) => show(JSON.parse(event.data)));
  events.addEventListener('health', (event) => showHealth(JSON.parse(event.data)));
  events.addEventListener('error', () => {
    document.getElementById('health').textContent = 'No connection to proxy-data at the moment; trying again.';
    // A browser gives up for good after an error status, which is what a restart looks like.
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  });
}

listen();
`;
