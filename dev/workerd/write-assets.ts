import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AssetManifest } from '#web/assets.ts'
import { openAssets } from '#web/node.ts'
import { MANIFEST_FILE } from '#web/worker.ts'

/** Writes the page's files as the Worker's static assets, and what it is told of them. */
export async function writeAssets(root: string, folder: string): Promise<void> {
  const { files, icon, ...index } = await openAssets(root)
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const known: Record<string, AssetManifest['files'][string]> = {}
  for (const [name, { type, integrity, body }] of files) {
    known[name] = { type, integrity }
    await writeFile(join(folder, name), body)
  }
  const [iconName = ''] = [...files].find(([, file]) => file === icon) ?? []
  const manifest: AssetManifest = { ...index, icon: iconName, files: known }
  await writeFile(join(folder, MANIFEST_FILE), JSON.stringify(manifest))
}
