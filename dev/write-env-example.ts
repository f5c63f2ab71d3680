/**
 * Rewrites .env.example from the settings tables of gateway and runner; a test holds the two equal.
 *
 * usage: node dev/write-env-example.ts
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { envExample } from './env-example.ts'

writeFileSync(join(import.meta.dirname, '..', '.env.example'), envExample())
