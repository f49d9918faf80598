// @tus/server with its store of files, as its guide shows it: node tus.js PORT FOLDER.
const { Server } = require('@tus/server')
const { FileStore } = require('@tus/file-store')

const [port, folder] = process.argv.slice(2)
const server = new Server({ path: '/files', datastore: new FileStore({ directory: folder }) })
server.listen({ host: '127.0.0.1', port: Number(port) })
