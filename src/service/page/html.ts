import { DENIALS, type DenialReason } from '../../../proxy/policy/denials.js';
import { formatRate } from '../../../proxy/policy/rate.js';
import type { HostFigures } from '../../../proxy/report/figures.js';
import type { GatewayView } from '../served-gateway.js';

/** What a page may load and run: nothing but its own files. */
export const PAGE_HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'X-Frame-Options': 'DENY',
} as const;

/** The live page, with the gateways as they are now. */
export function livePage(gateways: readonly GatewayView[]): string {
  const help = Object.fromEntries(Object.entries(DENIALS).map(([reason, denial]) => [reason, denial.help]));
  return document(
    `<header>
<h1>jobgate</h1>
<p id="status" role="status">as of ${text(new Date().toISOString())}</p>
<label for="search">Search</label>
<input id="search" type="search" placeholder="job, host or reason" autocomplete="off" accesskey="s">
</header>
<main id="gateways" data-help="${text(JSON.stringify(help))}">
<p id="empty"${gateways.length > 0 ? ' hidden' : ''}>No gateway is open.</p>
${gateways.map(article).join('\n')}
</main>
<template id="gateway">${article(undefined)}</template>
<template id="host">${row(undefined)}</template>`,
    '<script src="/page.js" defer></script>',
  );
}

/** Asks for the token, which becomes a cookie. */
export function loginPage(problem?: string): string {
  return document(`<header><h1>jobgate</h1></header>
<main>
<form method="post" action="/session">
<label for="token">Token of this serve</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button>Show the gateways</button>
${problem === undefined ? '' : `<p role="alert">${text(problem)}</p>`}
</form>
</main>`);
}

function document(body: string, more = ''): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>jobgate</title>
<link rel="stylesheet" href="/page.css">
${more}</head>
<body>
${body}
</body>
</html>
`;
}

// The same for what is there already and, without a view, for the template of what comes later.
function article(view: GatewayView | undefined): string {
  const rate = view?.rate ?? undefined;
  return `<article data-gateway="${text(view?.id)}" data-rate="${text(rate)}">
<h2><span data-is="job">${text(view?.jobId)}</span> <small data-is="execution">${text(view?.executionId)}</small>
<span class="state" data-is="state">${text(view?.state)}</span></h2>
<p class="reason" data-is="reason">${text(view && reasonOf(view))}</p>
<dl>
<div><dt>May reach</dt><dd data-is="domains">${text(view?.domains.join(', '))}</dd></div>
<div><dt>Container</dt><dd data-is="container">${text(view && containers(view))}</dd></div>
<div><dt>Proxy</dt><dd data-is="proxy">${text(view?.proxy.url)}</dd></div>
</dl>
<figure>
<svg viewBox="0 0 120 40" preserveAspectRatio="none" role="img" aria-label="rate over the last two minutes; the line is the limit">
<line class="limit" x1="0" x2="120" y1="4" y2="4"></line><polyline class="down" points=""></polyline><polyline class="up" points=""></polyline></svg>
<figcaption><span class="down">down</span> <b data-is="down-now">–</b>, <span class="up">up</span> <b data-is="up-now">–</b>,
limit <b data-is="limit">${text(view && (view.rate === null ? 'unlimited' : formatRate(view.rate)))}</b>;
<b data-is="connections">${text(view?.figures.connections)}</b> connections;
<b data-is="total">${text(view && `${view.figures.down} bytes down, ${view.figures.up} up`)}</b>;
waited for the limit <b data-is="throttled">${text(view && throttled(view))}</b></figcaption>
</figure>
<table>
<thead><tr><th scope="col">Host</th><th scope="col">Allowed</th><th scope="col">Refused</th><th scope="col">Why</th></tr></thead>
<tbody>${(view?.figures.hosts ?? []).map(row).join('')}</tbody>
</table>
</article>`;
}

function row(host: HostFigures | undefined): string {
  const denied = Object.entries(host?.denied ?? {}) as [DenialReason, number][];
  const count = denied.reduce((sum, [, times]) => sum + times, 0);
  const name = host && (host.port > 0 ? `${host.host}:${host.port}` : host.host);
  const why = denied
    .map(([reason]) => `${reason}: ${DENIALS[reason].help}`)
    .join('; ')
    .replaceAll('HOST:PORT', () => name ?? '')
    .replaceAll('HOST', () => host?.host ?? '');
  return `<tr${count > 0 ? ' class="refused"' : ''}><td data-is="host">${text(name)}</td><td data-is="allowed">${text(host?.allowed)}</td><td data-is="denied">${text(host && count)}</td><td data-is="why" data-reasons="${text(denied.map(([reason]) => reason).join(' '))}">${text(why)}</td></tr>`;
}

function reasonOf({ reason, abandonedSince }: GatewayView): string | undefined {
  return reason ?? (abandonedSince && `its node has not followed it since ${abandonedSince}`);
}

function containers({ containers }: GatewayView): string {
  const names = containers.map(({ name, enforced }) => (enforced ? name : `${name} (not enforced)`));
  return names.join(', ') || 'none yet';
}

function throttled({ figures: { throttledMs } }: GatewayView): string {
  return `${((throttledMs.up + throttledMs.down) / 1000).toFixed(1)} s`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** A value as text of HTML, in elements and in quoted attributes. */
function text(value: string | number | undefined): string {
  return String(value ?? '').replace(/[&<>"']/g, (character) => ESCAPES[character] ?? '');
}
