import { Address, type Builder, beginCell, type Cell } from '@ton/core'
import type { Bytes } from '#base/bytes.ts'
import { REGISTRY_KIND, type RegistryKind } from './registry-entries.ts'

/** Operation codes of the Registry's messages. @see registry/schema.tolk */
export const REGISTRY_OP = {
  add: 0x3e6a7101,
  revoke: 0x3e6a7102,
  proposeOwner: 0x3e6a7103,
  acceptOwner: 0x3e6a7104,
  proposeGuardian: 0x3e6a7105,
  acceptGuardian: 0x3e6a7106,
  cancelProposals: 0x3e6a7107,
  setUri: 0x3e6a7108,
  topUp: 0xd372158c,
} as const

/** Exit codes of the compute phase, as in registry/schema.tolk (a test compares them). */
export const REGISTRY_EXIT = {
  NotOwner: 200,
  NotRevoker: 201,
  BadKind: 202,
  AlreadyLive: 203,
  AlreadyRevoked: 204,
  NoProposal: 205,
  TooEarly: 206,
  BadOp: 0xffff,
} as const

function message(op: keyof typeof REGISTRY_OP): Builder {
  return beginCell().storeUint(REGISTRY_OP[op], 32).storeUint(0, 64)
}

function entry(op: 'add' | 'revoke', kind: RegistryKind, hash: Bytes): Builder {
  return message(op).storeUint(REGISTRY_KIND[kind], 8).storeBuffer(Buffer.from(hash), 32)
}

/** Active after the Registry's delay. `meta`: SHA-256 of the release manifest, or 32 zero bytes. */
export function addBody(kind: RegistryKind, hash: Bytes, meta: Bytes): Cell {
  return entry('add', kind, hash).storeBuffer(Buffer.from(meta), 32).endCell()
}

/** At once, by owner or guardian; denies what was never added. */
export function revokeBody(kind: RegistryKind, hash: Bytes): Cell {
  return entry('revoke', kind, hash).endCell()
}

/** @param to raw address of the new owner or guardian, who accepts after the delay */
export function proposeBody(role: 'proposeOwner' | 'proposeGuardian', to: string): Cell {
  return message(role).storeAddress(Address.parseRaw(to)).endCell()
}

export function roleBody(op: 'acceptOwner' | 'acceptGuardian' | 'cancelProposals'): Cell {
  return message(op).endCell()
}

export function setUriBody(uri: string): Cell {
  return message('setUri').storeStringRefTail(uri).endCell()
}

export function registryTopUpBody(): Cell {
  return message('topUp').endCell()
}
