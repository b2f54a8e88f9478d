import http from 'node:http';
import https from 'node:https';

const [url] = process.argv.slice(2);
const { get } = url.startsWith('https') ? https : http;
get(url, (answer) => {
  answer.pipe(process.stdout);
  process.exitCode = answer.statusCode === 200 ? 0 : 1;
});
