const express = require('express');

const app = express();
const port = Number(process.env.PORT || 8080);

app.get('/', (request, response) => response.send('<h1>Built with builder</h1>\n'));
app.get('/healthz', (request, response) => response.json({ ok: true, uid: process.getuid() }));

const server = app.listen(port, '127.0.0.1', () => console.log(`listening on ${port}`));
process.on('SIGTERM', () => server.close());
