// The WebSocket server that one would write with Node: what Redis publishes on
// a channel goes to all who are connected.  Started by t/bench/push/compare:
//   node ws.mjs <port> <port of Redis> <channel>

import { createClient } from 'redis';
import { WebSocketServer } from 'ws';

const [port, redis, channel] = process.argv.slice(2);
const server = new WebSocketServer({ host: '127.0.0.1', port });
const client = createClient({ url: `redis://127.0.0.1:${redis}` });

await client.connect();
await client.subscribe(channel, (message) => {
    for (const socket of server.clients) {
        socket.send(message);
    }
});
