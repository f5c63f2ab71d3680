import { createHash } from 'node:crypto'
import { Address, Cell } from '@ton/core'
import { WalletContractV5R1 } from '@ton/ton'
import type { BrowserContext } from 'playwright-core'
import { openDevWallet } from '#dev/chain/wallet.ts'
import { type TestWallet, walletOf } from '#gateway/accounts/testing/wallets.ts'
import { signerFromSeed } from '#protocol/node'

/** How a wallet's owner or a wallet itself may behave. */
export interface InjectedOptions {
  readonly refuses?: boolean
  /** A wallet that was led to sign for another site. */
  readonly domain?: string
}

interface Message {
  readonly address: string
  readonly amount: string
  readonly payload?: string
}

/**
 * A wallet in the browser, as an extension puts it there: TON Connect's JS bridge, a V5 wallet of the local chain behind it.
 * It really signs and really pays; only its window in which somebody would press a button is left out.
 * @see https://docs.ton.org/ecosystem/ton-connect, "JS bridge"
 */
export async function injectWallet(
  context: BrowserContext,
  { chainUrl, name }: { readonly chainUrl: string; readonly name: string },
  { refuses = false, domain }: InjectedOptions = {},
): Promise<TestWallet> {
  const dev = openDevWallet(chainUrl, name)
  const signer = signerFromSeed(
    'wallet',
    createHash('sha256').update(`development wallet ${name}`).digest(),
  )
  const publicKey = Buffer.from(signer.publicKey)
  const wallet = walletOf(WalletContractV5R1.create({ workchain: 0, publicKey }).init, signer)

  await context.exposeFunction('walletProve', (payload: string, host: string) => {
    const timestamp = Math.floor(Date.now() / 1000)
    const { proof } = wallet.prove({ domain: domain ?? host, payload, timestamp })
    return { name: 'ton_proof', proof }
  })
  await context.exposeFunction('walletPay', async (messages: readonly Message[]) => {
    for (const { address, amount, payload } of messages) {
      const body = payload === undefined ? {} : { body: Cell.fromBase64(payload) }
      await dev.transfer({ to: Address.parse(address), value: BigInt(amount), ...body })
    }
  })
  const { address, stateInit } = wallet
  const said = { address, stateInit, publicKey: publicKey.toString('hex'), refuses }
  await context.addInitScript(putBridge, said)
  return wallet
}

/** Runs in the page, before any script of its own. */
function putBridge(wallet: {
  readonly address: string
  readonly stateInit: string
  readonly publicKey: string
  readonly refuses: boolean
}): void {
  // Sound: both were exposed by injectWallet.
  const own = globalThis as unknown as {
    walletProve(payload: string, host: string): Promise<object>
    walletPay(messages: readonly unknown[]): Promise<void>
    tonkeeper?: unknown
  }
  const device = {
    platform: 'linux',
    appName: 'tonkeeper',
    appVersion: '1.0.0',
    maxProtocolVersion: 2,
    features: ['SendTransaction', { name: 'SendTransaction', maxMessages: 4 }],
  }
  const refusal = { code: 300, message: 'User declined the request' }
  own.tonkeeper = {
    tonconnect: {
      deviceInfo: device,
      walletInfo: {
        name: 'Tonkeeper',
        app_name: 'tonkeeper',
        image: '',
        about_url: '',
        platforms: ['linux'],
      },
      protocolVersion: 2,
      isWalletBrowser: false,
      async connect(
        _version: number,
        request: { items: readonly { name: string; payload?: string }[]; manifestUrl: string },
      ) {
        if (wallet.refuses) return { event: 'connect_error', id: 1, payload: refusal }
        // A wallet shows and signs the site that the manifest names.
        const manifest = await (await fetch(request.manifestUrl)).json()
        const asked = request.items.find(({ name }) => name === 'ton_proof')
        const address = {
          name: 'ton_addr',
          address: wallet.address,
          network: '-239',
          walletStateInit: wallet.stateInit,
          publicKey: wallet.publicKey,
        }
        const host = new URL(manifest.url).host
        const proof =
          asked?.payload === undefined ? [] : [await own.walletProve(asked.payload, host)]
        return { event: 'connect', id: 1, payload: { items: [address, ...proof], device } }
      },
      async restoreConnection() {
        return { event: 'connect_error', id: 1, payload: { code: 100, message: 'Unknown app' } }
      },
      async send({
        method,
        params,
        id,
      }: {
        method: string
        params: readonly string[]
        id: string
      }) {
        if (method === 'disconnect') return { result: {}, id }
        const { messages } = JSON.parse(params[0] ?? '{}')
        await own.walletPay(messages)
        return { result: 'te6ccgEBAQEAAgAAAA==', id }
      },
      listen: () => () => {},
      disconnect: () => {},
    },
  }
}
