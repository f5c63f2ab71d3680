import { render } from 'preact'
import { DashboardApp } from './dashboard/dashboard-app.tsx'
import { islandRoot } from './lib/browser.ts'
import { ready } from './lib/ready.ts'

const root = islandRoot('dashboard')
root.replaceChildren()
render(<DashboardApp />, root)
ready()
