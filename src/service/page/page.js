// The live part of the page: figures and decisions as they come. Every value is set as text.
const main = document.getElementById('gateways');
const status = document.getElementById('status');
const search = document.getElementById('search');
const help = JSON.parse(main.dataset.help);
const SAMPLES = 120;
const MAX_ROWS = 500;
/** By gateway: what it looked like at the last samples. */
const samples = new Map();

const part = (element, name) => element.querySelector(`[data-is="${name}"]`);
const set = (element, name, value) => {
  const target = part(element, name);
  if (target && target.textContent !== String(value)) target.textContent = value;
};
const articleOf = (id) => [...main.querySelectorAll('article')].find((one) => one.dataset.gateway === id);

function bits(perSecond) {
  const units = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s'];
  let unit = 0;
  let value = perSecond;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

function filter() {
  const wanted = search.value.trim().toLowerCase();
  let shown = 0;
  for (const article of main.querySelectorAll('article')) {
    article.hidden = !article.textContent.toLowerCase().includes(wanted);
    if (!article.hidden) shown++;
  }
  const empty = document.getElementById('empty');
  empty.hidden = shown > 0;
  empty.textContent = wanted ? 'Nothing has that.' : 'No gateway is open.';
}

function show(view) {
  let article = articleOf(view.id);
  if (!article) {
    article = document.getElementById('gateway').content.firstElementChild.cloneNode(true);
    article.dataset.gateway = view.id;
    main.append(article);
  }
  article.dataset.rate = view.rate ?? '';
  set(article, 'job', view.jobId);
  set(article, 'execution', view.executionId ?? '');
  set(article, 'state', view.state);
  const left = view.abandonedSince && `its node has not followed it since ${view.abandonedSince}`;
  set(article, 'reason', view.reason ?? left ?? '');
  set(article, 'domains', view.domains.join(', '));
  set(article, 'proxy', view.proxy.url);
  set(article, 'limit', view.rate === null ? 'unlimited' : bits(view.rate));
  const names = view.containers.map(({ name, enforced }) => (enforced ? name : `${name} (not enforced)`));
  set(article, 'container', names.join(', ') || 'none yet');
  const rows = article.querySelector('tbody');
  rows.replaceChildren();
  for (const host of view.figures.hosts) {
    if (host.allowed > 0) count(article, { ...host, decision: 'allow', count: host.allowed });
    for (const [reason, times] of Object.entries(host.denied)) {
      count(article, { ...host, decision: 'deny', reason, count: times });
    }
  }
}

async function fetchGateways(id) {
  const answer = await fetch(id ? `/v1/gateways/${encodeURIComponent(id)}` : '/v1/gateways');
  if (answer.status === 401) location.reload();
  if (!answer.ok) return;
  const body = await answer.json();
  const views = id ? [body] : body.gateways;
  if (!id) {
    const ids = new Set(views.map((view) => view.id));
    for (const article of main.querySelectorAll('article')) {
      if (!ids.has(article.dataset.gateway)) article.remove();
    }
  }
  views.forEach(show);
  filter();
}

function rowOf(article, name) {
  const body = article.querySelector('tbody');
  const known = [...body.rows].find((row) => part(row, 'host').textContent === name);
  if (known || body.rows.length >= MAX_ROWS) return known;
  const row = document.getElementById('host').content.firstElementChild.cloneNode(true);
  set(row, 'host', name);
  set(row, 'allowed', 0);
  set(row, 'denied', 0);
  body.append(row);
  return row;
}

function count(article, { host, port, decision, reason, count: times = 1 }) {
  const shown = port > 0 ? `${host}:${port}` : host;
  const row = rowOf(article, shown);
  if (!row) return;
  const name = decision === 'allow' ? 'allowed' : 'denied';
  set(row, name, Number(part(row, name).textContent) + times);
  if (decision === 'allow') return;
  row.classList.add('refused');
  const why = part(row, 'why');
  const reasons = new Set(why.dataset.reasons.split(' ').filter(Boolean)).add(reason);
  why.dataset.reasons = [...reasons].join(' ');
  const told = [...reasons].map((one) => `${one}: ${help[one] ?? ''}`).join('; ');
  why.textContent = told.replaceAll('HOST:PORT', () => shown).replaceAll('HOST', () => host);
}

function plot(article, history) {
  const limit =
    Number(article.dataset.rate) || Math.max(1e6, ...history.flatMap(({ up, down }) => [up, down]));
  for (const direction of ['up', 'down']) {
    const points = history.map((sample, i) => {
      const x = 120 - history.length + i + 1;
      return `${x},${(40 - Math.min(40, (sample[direction] / limit) * 36)).toFixed(1)}`;
    });
    article.querySelector(`polyline.${direction}`).setAttribute('points', points.join(' '));
  }
}

function figures({ time: text, gateways }) {
  const time = Date.parse(text);
  for (const now of gateways) {
    const article = articleOf(now.id);
    if (!article) {
      fetchGateways(now.id);
      continue;
    }
    const state = samples.get(now.id) ?? { last: { time, up: now.up, down: now.down }, history: [] };
    samples.set(now.id, state);
    const seconds = (time - state.last.time) / 1000;
    if (seconds > 0) {
      const rate = (name) => Math.max(0, ((now[name] - state.last[name]) * 8) / seconds);
      state.history.push({ up: rate('up'), down: rate('down') });
      if (state.history.length > SAMPLES) state.history.shift();
      set(article, 'up-now', bits(rate('up')));
      set(article, 'down-now', bits(rate('down')));
      plot(article, state.history);
    }
    state.last = { time, up: now.up, down: now.down };
    set(article, 'state', now.state);
    set(article, 'connections', now.connections);
    set(article, 'total', `${now.down.toLocaleString()} bytes down, ${now.up.toLocaleString()} up`);
    set(article, 'throttled', `${((now.throttledMs.up + now.throttledMs.down) / 1000).toFixed(1)} s`);
  }
  status.textContent = `live, ${gateways.length} open`;
}

const events = new EventSource('/v1/events?types=decision,gateway,job&figures=1');
events.addEventListener('open', () => fetchGateways());
events.addEventListener('error', () => {
  status.textContent = 'the connection to jobgate is lost; trying again';
});
events.addEventListener('figures', ({ data }) => figures(JSON.parse(data)));
events.addEventListener('decision', ({ data }) => {
  const event = JSON.parse(data);
  const article = articleOf(event.gateway);
  if (article) count(article, event);
  if (search.value) filter();
});
events.addEventListener('gateway', ({ data }) => {
  const { change, gateway } = JSON.parse(data);
  if (change !== 'closed') return void fetchGateways(gateway);
  articleOf(gateway)?.remove();
  samples.delete(gateway);
  filter();
});
events.addEventListener('job', ({ data }) => {
  if (JSON.parse(data).state === 'abandoned') fetchGateways();
});
search.addEventListener('input', filter);
document.addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.target === search) return;
  event.preventDefault();
  search.focus();
});
