import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What becomes of an answer on its way; undefined: the connection breaks. */
export type Alter = (path: string, answer: string) => string | undefined

/** A gateway behind a way that changes what it answers. */
export async function alteredGateway(
  gateway: string,
  alter: Alter,
): Promise<{ readonly url: string; close(): void }> {
  const server = createServer(async (request, response) => {
    const { method = 'GET', url = '/' } = request
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const answer = await fetch(new URL(url, gateway), {
      method,
      headers: { authorization: request.headers.authorization ?? '' },
      ...(method === 'POST' ? { body: Buffer.concat(chunks) } : {}),
    })
    const altered = alter(url, await answer.text())
    if (altered === undefined) request.socket.destroy()
    else response.writeHead(answer.status).end(altered)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  // Sound: it listens on an address.
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
