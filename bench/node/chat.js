// Socket.IO's own server for Node.js, with the chat that every guide to it shows.
const { createServer } = require('node:http')
const { Server } = require('socket.io')

let id = 0
const http = createServer()
const io = new Server(http, { transports: ['websocket'], perMessageDeflate: false })
io.on('connection', (socket) => {
  const name = socket.handshake.auth.name
  socket.on('message', (payload, ack) => {
    const message = { id: String(++id), at: new Date().toISOString(), name, role: 'guest', person: 'gffffffffffffffff', hue: 120, text: payload.text }
    io.emit('messages', [message])
    ack?.({ id: message.id })
  })
})
http.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 2048 })
