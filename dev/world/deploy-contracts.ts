import { toNano } from '@ton/core'
import { TonClient } from '@ton/ton'
import type { Bytes } from '#base/bytes.ts'
import { nano } from '#base/nano.ts'
import {
  addBody,
  plainBody,
  Registry,
  type RegistryKind,
  registryTopUpBody,
  Till,
  type TillConfig,
} from '#contracts'
import { type DevWallet, openDevWallet } from '../chain/wallet.ts'

/** One line of the world's allowlist. */
export interface Listing {
  readonly kind: RegistryKind
  /** 32 bytes, as the README of `contracts/` defines it for the kind. */
  readonly hash: Bytes
  /** 32 bytes; defaults to zeros. */
  readonly meta?: Bytes
}

export interface Deployed {
  /** Raw addresses. */
  readonly till: string
  readonly registry: string
}

const OPERATOR_FUND_TON = '1000'
const DEPLOY_VALUE = toNano('2')
const MESSAGE_VALUE = toNano('0.05')
/** Play money moves at once: no delay between listing an image and running it. */
const REGISTRY_DELAY_SECONDS = 0
const DAY_SECONDS = 86_400
const DAILY_CAP = nano(toNano('1000'))
const MAX_FEE_BPS = 3_000

/** Deploys Till and Registry as the operator of this world and lists what may run. */
export async function deployContracts(options: {
  readonly endpoint: string
  readonly meterKey: Bytes
  /** 32 random bytes, new at each start: no signature of another world is good here. */
  readonly salt: Bytes
  readonly listings: readonly Listing[]
}): Promise<Deployed> {
  const operator = openDevWallet(options.endpoint, 'operator')
  await operator.fund(OPERATOR_FUND_TON)
  const admin = operator.address.toRawString()
  const till = Till.createFromConfig(tillConfig(admin, options))
  const registry = Registry.createFromConfig({
    owner: admin,
    guardian: null,
    delay: REGISTRY_DELAY_SECONDS,
  })
  await deploy(operator, till, plainBody('topUp'))
  await deploy(operator, registry, registryTopUpBody())
  const tillHash = till.address.hash
  const listings: readonly Listing[] = [
    ...options.listings,
    { kind: 'meterKey', hash: options.meterKey },
    { kind: 'till', hash: new Uint8Array(tillHash) },
  ]
  for (const { kind, hash, meta } of listings) {
    const body = addBody(kind, hash, meta ?? new Uint8Array(32))
    await operator.transfer({ to: registry.address, value: MESSAGE_VALUE, body })
  }
  await requireListed(options.endpoint, registry, listings)
  return { till: till.address.toRawString(), registry: registry.address.toRawString() }
}

function tillConfig(
  admin: string,
  options: { readonly meterKey: Bytes; readonly salt: Bytes },
): TillConfig {
  return {
    admin,
    meterKey: options.meterKey,
    exitDelay: DAY_SECONDS,
    rotationDelay: 4 * DAY_SECONDS,
    holdDays: 0,
    dailyCap: DAILY_CAP,
    maxFeeBps: MAX_FEE_BPS,
    salt: options.salt,
  }
}

async function deploy(
  operator: DevWallet,
  contract: Till | Registry,
  body: ReturnType<typeof plainBody>,
): Promise<void> {
  const { address, init } = contract
  await operator.transfer({
    to: address,
    value: DEPLOY_VALUE,
    bounce: false,
    body,
    ...(init === undefined ? {} : { init }),
  })
}

async function requireListed(
  endpoint: string,
  registry: Registry,
  listings: readonly Listing[],
): Promise<void> {
  const opened = new TonClient({ endpoint }).open(registry)
  for (const { kind, hash } of listings) {
    const entry = await opened.getEntry(kind, hash)
    if (!entry.active) throw new Error(`the Registry did not take the ${kind} entry`)
  }
}
