import { render } from 'preact'
import { islandRoot } from './lib/browser.ts'
import { ready } from './lib/ready.ts'
import { SessionCheck } from './trust/session-check.tsx'

const root = islandRoot('session')
root.replaceChildren()
render(<SessionCheck id={root.dataset['id'] ?? ''} />, root)
ready()
