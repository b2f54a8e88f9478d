// What the runtime brings: fetch, and WebSocket.
const [url] = process.argv.slice(2);
if (url.startsWith('ws')) {
  const socket = new WebSocket(url);
  socket.onopen = () => socket.send('hello');
  socket.onmessage = ({ data }) => {
    console.log(data);
    socket.close();
  };
  socket.onerror = ({ message, error }) => {
    console.error(message, error);
    process.exit(1);
  };
} else {
  const answer = await fetch(url);
  console.log(await answer.text());
  process.exit(answer.ok ? 0 : 1);
}
