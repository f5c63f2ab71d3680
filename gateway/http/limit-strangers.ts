import type { MiddlewareHandler } from 'hono'
import type { AddressLimiter } from '../limits/address-limiter.ts'
import { clientAddress } from './client-address.ts'
import type { AppEnv } from './env.ts'
import type { IpNetworks } from './ip-networks.ts'

export interface Strangers {
  readonly limiter: AddressLimiter
  /** Proxies whose `x-forwarded-for` is believed. */
  readonly trustedProxies: IpNetworks
}

/** What needs no key and costs a store something: so often from one address, and no more. */
export function limitStrangers({ limiter, trustedProxies }: Strangers): MiddlewareHandler<AppEnv> {
  return async function stranger(context, next) {
    const forwarded = context.req.header('x-forwarded-for')
    limiter.take(clientAddress(context.env?.remote, forwarded, trustedProxies))
    await next()
  }
}
