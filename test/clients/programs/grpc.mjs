import { readFileSync } from 'node:fs';
import { Client, credentials } from '@grpc/grpc-js';

const [url] = process.argv.slice(2);
const { hostname, port } = new URL(url);
const trusted = credentials.createSsl(readFileSync('/etc/ssl/certs/ca-certificates.crt'));
const client = new Client(`${hostname}:${port || 443}`, trusted);
const same = (bytes) => bytes;
const deadline = Date.now() + 10_000;
const done = (error, answer) => {
  if (error) throw error;
  console.log(String(answer));
  client.close();
};
client.makeUnaryRequest('/test.Echo/Say', same, same, Buffer.from('hello'), { deadline }, done);
