import WebSocket from 'ws';

const [url] = process.argv.slice(2);
const socket = new WebSocket(url);
socket.on('open', () => socket.send('hello'));
socket.on('message', (data) => {
  console.log(String(data));
  socket.close();
});
