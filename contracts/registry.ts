import {
  Address,
  beginCell,
  Cell,
  type Contract,
  type ContractProvider,
  contractAddress,
  Dictionary,
  type DictionaryValue,
  type Sender,
  type StateInit,
} from '@ton/core'
import { type Bytes, hex } from '#base/bytes.ts'
import type { Nano } from '#base/nano.ts'
import build from './build/registry.json' with { type: 'json' }
import {
  entriesByKind,
  REGISTRY_KIND,
  type RegistryEntry,
  type RegistryKind,
  type RegistrySnapshot,
} from './registry-entries.ts'
import { registryTopUpBody } from './registry-messages.ts'

/** SHA-256 representation hash of the Registry's code, lower-case hex: what clients pin. */
export const REGISTRY_CODE_HASH: string = build.codeHash

export interface RegistryConfig {
  /** Raw address; a multisig outside development. */
  readonly owner: string
  /** Raw address; may only revoke. */
  readonly guardian: string | null
  /** Seconds that additions and new roles wait. */
  readonly delay: number
}

export interface RegistryRoles {
  readonly owner: string
  readonly guardian: string | null
  readonly nextOwner: { readonly to: string; readonly at: number } | null
  readonly nextGuardian: { readonly to: string; readonly at: number } | null
}

const ENTRY: DictionaryValue<RegistryEntry> = {
  serialize: () => {
    throw new Error('entries are only read')
  },
  parse: (slice) => ({
    activeFrom: slice.loadUint(32),
    revokedAt: slice.loadUint(32),
    meta: hex(slice.loadBuffer(32)),
  }),
}

const KEY = Dictionary.Keys.BigUint(8 + 256)

export class Registry implements Contract {
  readonly address: Address
  readonly init?: StateInit

  private constructor(address: Address, init?: StateInit) {
    this.address = address
    if (init !== undefined) this.init = init
  }

  static createFromAddress(address: Address): Registry {
    return new Registry(address)
  }

  static createFromConfig(config: RegistryConfig, code: Cell = registryCode()): Registry {
    const init = { code, data: registryData(config) }
    return new Registry(contractAddress(0, init), init)
  }

  async sendDeploy(provider: ContractProvider, via: Sender, value: Nano): Promise<void> {
    await provider.internal(via, { value, bounce: false, body: registryTopUpBody() })
  }

  /** Sends any body of registry-messages.ts; 0.05 TON covers each, the rest comes back. */
  async sendBody(
    provider: ContractProvider,
    via: Sender,
    message: { readonly value: Nano; readonly body: Cell },
  ): Promise<void> {
    await provider.internal(via, { bounce: true, ...message })
  }

  async getSnapshot(provider: ContractProvider): Promise<RegistrySnapshot> {
    const { stack } = await provider.get('dump', [])
    return { version: stack.readNumber(), entries: readEntries(stack.readCellOpt()) }
  }

  async getVersion(provider: ContractProvider): Promise<number> {
    return (await provider.get('version', [])).stack.readNumber()
  }

  /** One entry as the chain judges it now. */
  async getEntry(
    provider: ContractProvider,
    kind: RegistryKind,
    hash: Bytes,
  ): Promise<RegistryEntry & { readonly active: boolean }> {
    const { stack } = await provider.get('entry', [
      { type: 'int', value: BigInt(REGISTRY_KIND[kind]) },
      { type: 'int', value: BigInt(`0x${hex(hash)}`) },
    ])
    return {
      active: stack.readBoolean(),
      activeFrom: stack.readNumber(),
      revokedAt: stack.readNumber(),
      meta: stack.readBigNumber().toString(16).padStart(64, '0'),
    }
  }

  async getDelay(provider: ContractProvider): Promise<number> {
    return (await provider.get('delay', [])).stack.readNumber()
  }

  async getUri(provider: ContractProvider): Promise<string | null> {
    const cell = (await provider.get('uri', [])).stack.readCellOpt()
    return cell?.beginParse().loadStringTail() ?? null
  }

  async getRoles(provider: ContractProvider): Promise<RegistryRoles> {
    const { stack } = await provider.get('roles', [])
    return {
      owner: stack.readAddress().toRawString(),
      guardian: stack.readAddressOpt()?.toRawString() ?? null,
      nextOwner: readProposal(stack.readCellOpt()),
      nextGuardian: readProposal(stack.readCellOpt()),
    }
  }
}

export function registryCode(): Cell {
  return Cell.fromBase64(build.codeBoc64)
}

function readEntries(root: Cell | null): RegistrySnapshot['entries'] {
  const all = root === null ? [] : [...Dictionary.loadDirect(KEY, ENTRY, root)]
  return entriesByKind(all)
}

function readProposal(cell: Cell | null): { to: string; at: number } | null {
  if (cell === null) return null
  const slice = cell.beginParse()
  return { to: slice.loadAddress().toRawString(), at: slice.loadUint(32) }
}

/** @see registry/schema.tolk Store */
function registryData(config: RegistryConfig): Cell {
  const guardian = config.guardian === null ? null : Address.parseRaw(config.guardian)
  const roles = beginCell()
    .storeAddress(Address.parseRaw(config.owner))
    .storeAddress(guardian)
    .storeMaybeRef(null)
    .storeMaybeRef(null)
    .endCell()
  return beginCell()
    .storeUint(0, 32)
    .storeUint(config.delay, 32)
    .storeRef(roles)
    .storeDict(Dictionary.empty())
    .storeMaybeRef(null)
    .endCell()
}
