import { beginCell } from '@ton/core'
import { expect } from 'vitest'
import { hex } from '#base/bytes.ts'
import { isActive, REGISTRY_KIND, type RegistryKind } from '../../registry-entries.ts'
import {
  addBody,
  proposeBody,
  REGISTRY_EXIT,
  registryTopUpBody,
  revokeBody,
  roleBody,
  setUriBody,
} from '../../registry-messages.ts'
import { ton } from '../keys.ts'
import { DELAY, type RegistryWorld } from '../registry-world.ts'

export interface RegistryRule {
  readonly title: string
  readonly run: (
    open: (options?: { readonly guardian?: null }) => Promise<RegistryWorld>,
  ) => Promise<void>
}

const IMAGE = new Uint8Array(32).fill(0xaa)
const OTHER = new Uint8Array(32).fill(0xbb)
const META = new Uint8Array(32).fill(0xcc)

const raw = (treasury: RegistryWorld['owner']) => treasury.address.toRawString()

export const REGISTRY_RULES: readonly RegistryRule[] = [
  {
    title: 'an addition of any kind becomes active after the delay, in its kind only',
    run: async (open) => {
      const world = await open()
      // Sound: the keys of the table are what RegistryKind is made of.
      const kinds = Object.keys(REGISTRY_KIND) as RegistryKind[]
      for (const kind of kinds) {
        expect((await world.send(addBody(kind, IMAGE, META))).ok).toBe(true)
        const entry = { activeFrom: world.now() + DELAY, revokedAt: 0, meta: hex(META) }
        expect(await world.registry.getEntry(kind, IMAGE)).toEqual({ active: false, ...entry })
        const { entries } = await world.registry.getSnapshot()
        expect(entries[kind].get(hex(IMAGE))).toEqual(entry)
        expect(isActive(entries[kind].get(hex(IMAGE)), world.now())).toBe(false)
        expect(isActive(entries[kind].get(hex(IMAGE)), world.now() + DELAY)).toBe(true)
        expect(entries[kind].size).toBe(1)
      }
      world.wait(DELAY - 1)
      expect((await world.registry.getEntry('image', IMAGE)).active).toBe(false)
      world.wait(1)
      expect((await world.registry.getEntry('image', IMAGE)).active).toBe(true)
      expect((await world.registry.getEntry('image', OTHER)).active).toBe(false)
      expect(isActive(undefined, world.now())).toBe(false)
    },
  },
  {
    title: 'a revocation is immediate, by owner or guardian',
    run: async (open) => {
      const world = await open()
      for (const [hash, via] of [
        [IMAGE, world.owner],
        [OTHER, world.guardian],
      ] as const) {
        await world.send(addBody('image', hash, META))
        world.wait(DELAY)
        expect((await world.registry.getEntry('image', hash)).active).toBe(true)
        expect((await world.send(revokeBody('image', hash), via)).ok).toBe(true)
        const revokedAt = world.now()
        const entry = await world.registry.getEntry('image', hash)
        expect(entry).toMatchObject({ active: false, revokedAt, meta: hex(META) })
        expect((await world.send(revokeBody('image', hash), via)).exitCode).toBe(
          REGISTRY_EXIT.AlreadyRevoked,
        )
      }
    },
  },
  {
    title:
      'M12: adding a live or waiting entry again is refused, so it cannot be switched off for the delay',
    run: async (open) => {
      const world = await open()
      await world.send(addBody('image', IMAGE, META))
      const again = () => world.send(addBody('image', IMAGE, META))
      expect((await again()).exitCode).toBe(REGISTRY_EXIT.AlreadyLive)
      world.wait(DELAY)
      expect((await again()).exitCode).toBe(REGISTRY_EXIT.AlreadyLive)
      expect((await world.registry.getEntry('image', IMAGE)).active).toBe(true)
    },
  },
  {
    title: 'a revoked entry may come back, after the delay',
    run: async (open) => {
      const world = await open()
      await world.send(revokeBody('model', IMAGE))
      expect((await world.send(addBody('model', IMAGE, META))).ok).toBe(true)
      expect((await world.registry.getEntry('model', IMAGE)).active).toBe(false)
      world.wait(DELAY)
      expect((await world.registry.getEntry('model', IMAGE)).active).toBe(true)
    },
  },
  {
    title: 'M12: what was never added can be denied',
    run: async (open) => {
      const world = await open()
      await world.send(revokeBody('image', IMAGE), world.guardian)
      expect(await world.registry.getEntry('image', IMAGE)).toEqual({
        active: false,
        activeFrom: 0,
        revokedAt: world.now(),
        meta: '00'.repeat(32),
      })
    },
  },
  {
    title: 'M12: the guardian only revokes; strangers do nothing',
    run: async (open) => {
      const world = await open()
      const { guardian, stranger } = world
      const owners = [
        addBody('image', IMAGE, META),
        setUriBody('https://evil.example'),
        proposeBody('proposeOwner', raw(stranger)),
        proposeBody('proposeGuardian', raw(stranger)),
        roleBody('cancelProposals'),
      ]
      for (const via of [guardian, stranger]) {
        for (const body of owners) {
          expect((await world.send(body, via)).exitCode).toBe(REGISTRY_EXIT.NotOwner)
        }
      }
      const revoke = await world.send(revokeBody('image', IMAGE), stranger)
      expect(revoke.exitCode).toBe(REGISTRY_EXIT.NotRevoker)
      expect(await world.registry.getVersion()).toBe(0)
    },
  },
  {
    title: 'without a guardian only the owner revokes',
    run: async (open) => {
      const world = await open({ guardian: null })
      const revoke = await world.send(revokeBody('image', IMAGE), world.guardian)
      expect(revoke.exitCode).toBe(REGISTRY_EXIT.NotRevoker)
      expect((await world.registry.getRoles()).guardian).toBe(null)
      expect((await world.send(revokeBody('image', IMAGE))).ok).toBe(true)
    },
  },
  {
    title: 'M12: a new owner waits in sight of all, accepts, and the present one may cancel',
    run: async (open) => {
      const world = await open()
      const { owner, stranger, guardian } = world
      const accept = (via: typeof owner) => world.send(roleBody('acceptOwner'), via)
      expect((await accept(stranger)).exitCode).toBe(REGISTRY_EXIT.NoProposal)
      await world.send(proposeBody('proposeOwner', raw(stranger)))
      const at = world.now() + DELAY
      expect((await world.registry.getRoles()).nextOwner).toEqual({ to: raw(stranger), at })
      expect((await accept(guardian)).exitCode).toBe(REGISTRY_EXIT.NotOwner)
      world.wait(DELAY - 1)
      expect((await accept(stranger)).exitCode).toBe(REGISTRY_EXIT.TooEarly)
      await world.send(roleBody('cancelProposals'))
      world.wait(1)
      expect((await accept(stranger)).exitCode).toBe(REGISTRY_EXIT.NoProposal)
      await world.send(proposeBody('proposeOwner', raw(stranger)))
      world.wait(DELAY)
      expect((await accept(stranger)).ok).toBe(true)
      expect(await world.registry.getRoles()).toMatchObject({
        owner: raw(stranger),
        nextOwner: null,
      })
      expect(await world.registry.getVersion()).toBe(4)
      const past = await world.send(addBody('image', IMAGE, META), owner)
      expect(past.exitCode).toBe(REGISTRY_EXIT.NotOwner)
    },
  },
  {
    title: 'a new guardian waits too: a thief of the owner’s key does not shake the old one off',
    run: async (open) => {
      const world = await open()
      const { stranger, guardian, owner } = world
      const accept = (via: typeof owner) => world.send(roleBody('acceptGuardian'), via)
      expect((await accept(stranger)).exitCode).toBe(REGISTRY_EXIT.NoProposal)
      await world.send(proposeBody('proposeGuardian', raw(stranger)))
      expect((await accept(guardian)).exitCode).toBe(REGISTRY_EXIT.NotOwner)
      world.wait(DELAY - 1)
      expect((await accept(stranger)).exitCode).toBe(REGISTRY_EXIT.TooEarly)
      expect((await world.send(revokeBody('image', IMAGE), guardian)).ok).toBe(true)
      world.wait(1)
      expect((await accept(stranger)).ok).toBe(true)
      expect(await world.registry.getRoles()).toMatchObject({
        guardian: raw(stranger),
        nextGuardian: null,
      })
      expect(await world.registry.getVersion()).toBe(3)
      expect((await world.send(revokeBody('image', OTHER), stranger)).ok).toBe(true)
      const past = await world.send(revokeBody('till', OTHER), guardian)
      expect(past.exitCode).toBe(REGISTRY_EXIT.NotRevoker)
    },
  },
  {
    title: 'a new owner starts without the proposals of the old one',
    run: async (open) => {
      const world = await open()
      await world.send(proposeBody('proposeGuardian', raw(world.owner)))
      await world.send(proposeBody('proposeOwner', raw(world.stranger)))
      world.wait(DELAY)
      await world.send(roleBody('acceptOwner'), world.stranger)
      const late = await world.send(roleBody('acceptGuardian'), world.owner)
      expect(late.exitCode).toBe(REGISTRY_EXIT.NoProposal)
    },
  },
  {
    title: 'cancelling cancels both proposals',
    run: async (open) => {
      const world = await open()
      await world.send(proposeBody('proposeOwner', raw(world.stranger)))
      await world.send(proposeBody('proposeGuardian', raw(world.stranger)))
      expect((await world.send(roleBody('cancelProposals'))).ok).toBe(true)
      expect(await world.registry.getRoles()).toMatchObject({ nextOwner: null, nextGuardian: null })
    },
  },
  {
    title: 'every change raises the version and pays for itself',
    run: async (open) => {
      const world = await open()
      const changes = [
        addBody('image', IMAGE, META),
        revokeBody('image', IMAGE),
        setUriBody('https://example.com/manifest.json'),
        proposeBody('proposeOwner', raw(world.stranger)),
        proposeBody('proposeGuardian', raw(world.stranger)),
        roleBody('cancelProposals'),
      ]
      const balance = async () => (await world.chain.getContract(world.registry.address)).balance
      const before = await balance()
      for (const [i, body] of changes.entries()) {
        expect((await world.send(body)).ok).toBe(true)
        expect(await world.registry.getVersion()).toBe(i + 1)
        expect(await balance()).toBe(before)
      }
      expect(await world.registry.getUri()).toBe('https://example.com/manifest.json')
      expect((await world.registry.getSnapshot()).version).toBe(changes.length)
    },
  },
  {
    title: 'each entry’s change is logged',
    run: async (open) => {
      const world = await open()
      const { transactions } = await world.send(addBody('till', IMAGE, META))
      const [log] = transactions.flatMap(({ externals }) => externals)
      const body = log?.body.beginParse()
      expect(body?.loadUint(32)).toBe(0x3e6a71ff)
      expect(body?.loadUint(32)).toBe(1)
      expect(body?.loadUint(8)).toBe(REGISTRY_KIND.till)
      expect(body?.loadBuffer(32)).toEqual(Buffer.from(IMAGE))
      expect(body?.loadUint(32)).toBe(world.now() + DELAY)
    },
  },
  {
    title: 'unknown kinds and operations are refused; money may be added',
    run: async (open) => {
      const world = await open()
      const unknown = beginCell().storeUint(0xdeadbeef, 32).storeUint(0, 64).endCell()
      expect((await world.send(unknown)).exitCode).toBe(REGISTRY_EXIT.BadOp)
      for (const body of [addBody('image', IMAGE, META), revokeBody('image', IMAGE)]) {
        const bits = body.beginParse()
        const kind5 = beginCell().storeBits(bits.loadBits(96)).storeUint(5, 8)
        const wrong = kind5.storeBits(bits.skip(8).loadBits(bits.remainingBits)).endCell()
        expect((await world.send(wrong)).exitCode).toBe(REGISTRY_EXIT.BadKind)
      }
      expect((await world.send(registryTopUpBody(), world.stranger, ton('1'))).ok).toBe(true)
      expect((await world.send(beginCell().endCell(), world.stranger, ton('1'))).ok).toBe(true)
      expect(await world.registry.getVersion()).toBe(0)
    },
  },
]
