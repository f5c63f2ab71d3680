import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** Another network on this machine: it reaches one address of ours, and nothing reaches into it. */
export interface OtherNetwork {
  /** A command that runs another one there. */
  readonly inside: readonly string[]
  /** Where it finds the gateway. */
  readonly gateway: string
  /** Ports on which anybody listens there. */
  listeners(): readonly string[]
  close(): Promise<void>
}

const IP = '/usr/sbin/ip'
const LISTEN = '0A'

export const canMakeNetworks = process.getuid?.() === 0

/** Makes a namespace behind a wire of its own; a forwarder at our end leads to the gateway, as a proxy would. */
export async function openOtherNetwork(gatewayPort: number): Promise<OtherNetwork> {
  const name = `cocoon-${process.pid}`
  const [near, far] = [`cg${process.pid}`, `cr${process.pid}`]
  const subnet = `10.209.${process.pid % 250}`
  const ip = (...args: string[]): string => execFileSync(IP, args).toString()
  ip('netns', 'add', name)
  ip('link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', name)
  ip('addr', 'add', `${subnet}.1/30`, 'dev', near)
  ip('link', 'set', near, 'up')
  ip('-n', name, 'addr', 'add', `${subnet}.2/30`, 'dev', far)
  ip('-n', name, 'link', 'set', far, 'up')
  const sockets = new Set<Socket>()
  const forwarder = createServer((from) => {
    const to = connect(gatewayPort, '127.0.0.1')
    for (const [end, other] of [
      [from, to],
      [to, from],
    ] as const) {
      sockets.add(end)
      end.on('error', () => other.destroy())
      end.on('close', () => {
        sockets.delete(end)
        other.destroy()
      })
    }
    from.pipe(to).pipe(from)
  })
  forwarder.listen(0, `${subnet}.1`)
  await once(forwarder, 'listening')
  // Sound: a listening TCP server has an address with a port.
  const { port } = forwarder.address() as { port: number }
  return {
    inside: [IP, 'netns', 'exec', name],
    gateway: `http://${subnet}.1:${port}`,
    listeners: () =>
      ['tcp', 'tcp6'].flatMap((kind) =>
        ip('netns', 'exec', name, 'cat', `/proc/net/${kind}`)
          .split('\n')
          .map((line) => line.trim().split(/\s+/))
          .filter(([, , , state]) => state === LISTEN)
          .map(([, local = '']) => local),
      ),
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => forwarder.close(resolve))
      ip('netns', 'del', name)
    },
  }
}
