import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** What came back over a bare socket. */
export interface RawAnswer {
  readonly status: number
  readonly head: string
  readonly body: string
}

/** A connection that says exactly what a test writes: what no HTTP client would send. */
export async function openSocket(origin: string): Promise<Socket> {
  const { hostname, port } = new URL(origin)
  const socket = connect(Number(port), hostname)
  // A server that refuses while we still write resets the connection: the answer counts, not that.
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** Writes `bytes` and reads until the server closes, or until one whole answer has come. */
export async function sendRaw(origin: string, bytes: string | Uint8Array): Promise<RawAnswer> {
  const socket = await openSocket(origin)
  const answer = readAnswer(socket)
  socket.write(bytes)
  try {
    return await answer
  } finally {
    socket.destroy()
  }
}

export function readAnswer(socket: Socket): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    let text = ''
    const whole = (): RawAnswer | undefined => {
      const end = text.indexOf('\r\n\r\n')
      if (end === -1) return undefined
      const head = text.slice(0, end)
      const body = text.slice(end + 4)
      const status = Number(text.slice(9, 12))
      if (/transfer-encoding: chunked/i.test(head)) {
        if (!body.endsWith('0\r\n\r\n')) return undefined
        return { status, head, body: body.replace(/(?:^|\r\n)[0-9a-f]+\r\n/g, '').trimEnd() }
      }
      const length = Number(/content-length: ([0-9]+)/i.exec(head)?.[1] ?? '0')
      return body.length < length ? undefined : { status, head, body }
    }
    socket.setEncoding('latin1')
    socket.on('data', (part) => {
      text += String(part)
      const answer = whole()
      if (answer !== undefined) resolve(answer)
    })
    socket.on('close', () =>
      reject(new Error(`closed without an answer after ${text.length} bytes`)),
    )
  })
}
