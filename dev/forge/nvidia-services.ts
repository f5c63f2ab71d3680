import type { Clock } from '#base/brand.ts'
import { toSeconds } from '#base/brand.ts'
import { type Bytes, fromHex } from '#base/bytes.ts'
import type { NvidiaForge } from './nvidia.ts'
import { revocable } from './nvidia-machine.ts'
import { readOcspRequest } from './nvidia-ocsp.ts'
import { rimAnswer } from './nvidia-rim.ts'

const HOUR_SECONDS = 3_600

/**
 * NVIDIA's services as a `fetch`: manifests, OCSP (repeating nonces), revocation lists, attestation service and its
 * key set, all of this forge and current by the clock. Hosts are not looked at, only paths.
 */
export function nvidiaServices(forge: NvidiaForge, clock: Clock): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init)
    const { pathname } = new URL(request.url)
    const body = new Uint8Array(await request.arrayBuffer())
    const answer = await answerTo(forge, pathname, body, toSeconds(clock()))
    return answer === undefined ? new Response(null, { status: 404 }) : new Response(answer)
  }
}

async function answerTo(
  forge: NvidiaForge,
  path: string,
  body: Bytes,
  now: number,
): Promise<Bytes | undefined> {
  if (path.startsWith('/v1/rim/')) {
    const id = decodeURIComponent(path.slice('/v1/rim/'.length))
    const kind = (['driver', 'vbios', 'switch'] as const).find((one) => forge.rimId(one) === id)
    return kind === undefined ? undefined : rimAnswer(id, await forge.rim(kind))
  }
  if (path === '/') return ocspAnswer(forge, body, now)
  if (path === '/.well-known/jwks.json') return forge.keySet()
  if (path === '/v4/attest/gpu') {
    const { nonce }: { nonce: string } = JSON.parse(new TextDecoder().decode(body))
    return forge.nras({ nonce: fromHex(nonce), now })
  }
  const list = {
    '/crl/l1-root.crl': 'deviceRoot',
    '/crl/l2-gh100.crl': 'identity',
    '/crl-corim/l1-corim': 'rimRoot',
  } as const
  const issuer = Object.entries(list).find(([known]) => known === path)?.[1]
  if (issuer === undefined) return undefined
  return forge.crl(issuer, { thisUpdate: now - HOUR_SECONDS, nextUpdate: now + 24 * HOUR_SECONDS })
}

async function ocspAnswer(
  forge: NvidiaForge,
  body: Bytes,
  now: number,
): Promise<Bytes | undefined> {
  const { asksAbout, nonce } = readOcspRequest(body)
  const subject = revocable(forge.devices, forge.authorities).find(({ certificate }) =>
    asksAbout(certificate.serial),
  )
  if (subject === undefined) return undefined
  return forge.ocsp(subject, {
    nonce,
    thisUpdate: now - HOUR_SECONDS,
    nextUpdate: now + 23 * HOUR_SECONDS,
  })
}
