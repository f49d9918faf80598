// tus-js-client in Node. Takes JSON on standard input: {endpoint, path, urls, options, abortAt}.
// Sends the file once; with abortAt, the client aborts there and ends, to be run again. Prints
// {done, url, offsets, video} or {error, status}; `urls` is where it remembers uploads.
import fs from 'node:fs'

import * as tus from 'tus-js-client'

const { endpoint, path, urls, options, abortAt } = JSON.parse(fs.readFileSync(0, 'utf8'))
const say = (line) => fs.writeSync(1, `${JSON.stringify(line)}\n`)
const offsets = []

const upload = new tus.Upload(fs.readFileSync(path), {
  endpoint,
  headers: { Authorization: 'Bearer owner' },
  urlStorage: new tus.FileUrlStorage(urls),
  retryDelays: Array(200).fill(50),
  onShouldRetry: (error) => !error.originalResponse || error.originalResponse.getStatus() >= 409,
  onAfterResponse: (request, response) => {
    if (request.getMethod() === 'HEAD') offsets.push(Number(response.getHeader('Upload-Offset')))
  },
  onProgress: (sent) => {
    if (abortAt && sent >= abortAt) {
      upload.abort().then(() => {
        say({ done: false, url: upload.url })
        process.exit(0)
      })
    }
  },
  onSuccess: ({ lastResponse }) =>
    say({ done: true, url: upload.url, offsets, video: lastResponse.getHeader('Madang-Video') ?? null }),
  onError: (error) => say({ error: String(error), status: error.originalResponse?.getStatus() }),
  ...options,
})
const [previous] = await upload.findPreviousUploads()
if (previous) upload.resumeFromPreviousUpload(previous)
upload.start()
