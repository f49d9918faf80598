// Socket.IO's own client, told what to do line by line: {id, name, do: 'open'|'emit'|'close', …}.
// Prints what happens, one JSON object per line.
import readline from 'node:readline'

import { io } from 'socket.io-client'

const people = new Map()
const say = (line) => console.log(JSON.stringify(line))

const open = ({ name, url, auth, headers, transports = ['websocket'], keep }) => {
  let newest
  const socket = io(url, {
    transports,
    auth: (give) => give(keep && newest ? { ...auth, since: newest } : auth),
    extraHeaders: headers,
    forceNew: true,
    reconnectionDelay: 200,
    reconnectionDelayMax: 1000,
  })
  people.set(name, socket)
  socket.on('connect', () => say({ name, event: 'connect' }))
  socket.on('disconnect', (why) => say({ name, event: 'disconnect', payload: why }))
  socket.on('connect_error', (error) =>
    say({
      name,
      event: 'connect_error',
      payload: { message: error.message, data: error.data, context: String(error.context?.responseText ?? '') },
    }),
  )
  socket.onAny((event, payload) => {
    if (event === 'messages' && payload.length) newest = payload.at(-1).id
    say({ name, event, payload })
  })
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const wish = JSON.parse(line)
  const socket = people.get(wish.name)
  if (wish.do === 'open') open(wish)
  else if (wish.do === 'close') socket.disconnect()
  else if (wish.do === 'cut') socket.io.engine.close()
  else if (wish.do === 'binary') socket.emit('message', Buffer.from([1, 2, 3]))
  else socket.emit(wish.event, wish.payload, (answer) => say({ name: wish.name, ack: wish.id, payload: answer }))
}
process.exit(0)
