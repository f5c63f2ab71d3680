import { Address } from '@ton/core'

export type Params = Readonly<Record<string, unknown>>

/** A call that the server cannot answer; `status` is the HTTP status and the API's own code. */
export class RpcError extends Error {
  override readonly name = 'RpcError'
  readonly status: 404 | 422 | 429 | 500 | 503

  constructor(status: RpcError['status'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.status = status
  }
}

export function isParams(value: unknown): value is Params {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function textParam(params: Params, name: string): string {
  const value = params[name]
  if (typeof value !== 'string') throw new RpcError(422, `${name} must be text`)
  return value
}

/** Absent and null are the same, as in toncenter. */
export function optionalText(params: Params, name: string): string | undefined {
  const value = params[name]
  return value === undefined || value === null || value === '' ? undefined : String(value)
}

export function numberParam(params: Params, name: string, fallback?: number): number {
  const value = params[name] ?? fallback
  const number = typeof value === 'string' ? Number(value) : value
  if (typeof number !== 'number' || !Number.isFinite(number)) {
    throw new RpcError(422, `${name} must be a number`)
  }
  return number
}

export function addressParam(params: Params, name = 'address'): Address {
  try {
    return Address.parse(textParam(params, name))
  } catch (error) {
    throw new RpcError(422, `${name} is not an address`, { cause: error })
  }
}
