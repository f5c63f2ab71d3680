import { render } from 'preact'
import { islandRoot } from './lib/browser.ts'
import { ready } from './lib/ready.ts'
import { TopUpApp } from './top-up/top-up-app.tsx'

const root = islandRoot('top-up')
const asked = new URLSearchParams(location.search).get('account') ?? undefined
root.replaceChildren()
render(<TopUpApp till={root.dataset['till'] ?? ''} asked={asked} />, root)
ready()
