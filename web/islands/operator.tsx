import { render } from 'preact'
import { islandRoot } from './lib/browser.ts'
import { ready } from './lib/ready.ts'
import { OperatorApp } from './operator/operator-app.tsx'

const root = islandRoot('operator')
root.replaceChildren()
render(<OperatorApp />, root)
ready()
