import type { PageFiles } from './files.js';

/** What a page may load and run: nothing but its own files; nothing that makes markup of text. */
export const PAGE_HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  'X-Frame-Options': 'DENY',
} as const;

/** The page itself, which asks the API for all that it shows. */
export function shell(files: PageFiles): string {
  return document(
    files,
    `<div id="page"><p class="alone">This page needs JavaScript. Without it: <code>jobgate ps</code>.</p></div>`,
    `<script src="${files.script.path}" type="module"></script>\n`,
  );
}

/** Asks for the token, which becomes a cookie. Without an action: so the view that was asked for is the one that is shown. */
export function loginPage(files: PageFiles, problem?: string): string {
  return document(
    files,
    `<main class="alone">
<h1>jobgate</h1>
<form method="post">
<input name="username" value="jobgate" autocomplete="username" hidden>
<label for="token">Token of this serve</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus${problem === undefined ? '' : ' aria-describedby="problem" aria-invalid="true"'}>
<button>Log in</button>
${problem === undefined ? '' : `<p id="problem" role="alert">${text(problem)}</p>`}
</form>
</main>`,
  );
}

/** Where no token would help: there is none. */
export function noTokenPage(files: PageFiles): string {
  return document(
    files,
    `<main class="alone">
<h1>jobgate</h1>
<p>This serve has no token, so its address answers admission alone. To see this page, start it with <code>--token-file</code>, or have it listen on a unix socket.</p>
</main>`,
  );
}

function document(files: PageFiles, body: string, more = ''): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>jobgate</title>
<link rel="icon" href="${files.icon.path}">
<link rel="stylesheet" href="${files.style.path}">
${more}</head>
<body>
${body}
</body>
</html>
`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** A value as text of HTML, in elements and in quoted attributes. */
function text(value: string): string {
  return value.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? '');
}
