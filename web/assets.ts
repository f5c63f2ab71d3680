import type { Bytes } from '#base/bytes.ts'

/** The interactive parts: one bundle each, loaded by the pages that name it. */
export const ISLANDS = [
  'copy',
  'chat',
  'dashboard',
  'top-up',
  'trust',
  'session',
  'operator',
] as const
export type Island = (typeof ISLANDS)[number]

/** A file as it is served: its name holds its hash, so that it never changes. */
export interface Asset {
  readonly type: string
  readonly body: Bytes
  readonly gzip: Bytes
  /** `sha256-<base64>`, for `integrity`. */
  readonly integrity: string
}

/** What pages name of what a browser loads beside them. */
export interface AssetIndex {
  readonly files: ReadonlyMap<string, Pick<Asset, 'type' | 'integrity'>>
  /** File names by island: the entry, and what it imports at once. */
  readonly islands: Readonly<
    Record<Island, { readonly entry: string; readonly needs: readonly string[] }>
  >
  readonly style: string
  /** Hex SHA-256 over every file's name and bytes: names one build of the page. */
  readonly hash: string
}

/** The same with the files at hand. */
export interface Assets extends AssetIndex {
  readonly files: ReadonlyMap<string, Asset>
  /** For wallets and home screens: PNG, 180 pixels wide. */
  readonly icon: Asset
}

/** What is told of files that lie elsewhere. */
export interface AssetManifest extends Omit<AssetIndex, 'files'> {
  readonly icon: string
  readonly files: Readonly<Record<string, Pick<Asset, 'type' | 'integrity'>>>
}

export const ASSET_PATH = '/assets/'
