/** The page's style sheet. It loads nothing. */
export const STATUS_STYLE = `
:root {
  color-scheme: light dark;
  --page: #f5f6f8; --card: #fff; --text: #171a1f; --soft: #59616e; --line: #e4e7ec; --track: #e6e9ef;
  --blue: #2457d6; --green: #0b6e45; --red: #b0261d; --shadow: 0 1px 2px #1018280d, 0 12px 32px -12px #10182821;
  --tone: var(--soft);
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0e1014; --card: #171a20; --text: #eceef2; --soft: #9ca5b3; --line: #292e37; --track: #2a2f39;
    --blue: #82a8ff; --green: #56cf95; --red: #ff8f85; --shadow: 0 0 0 1px #ffffff0a;
  }
}
[data-status=Running] { --tone: var(--blue) }
[data-status=Completed] { --tone: var(--green) }
[data-status=Failed] { --tone: var(--red) }
* { box-sizing: border-box; margin: 0 }
html { -webkit-text-size-adjust: 100% }
body {
  max-width: 42rem; min-height: 100vh; margin: 0 auto; padding: clamp(1rem, 5vh, 4rem) 1rem 2rem;
  background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums;
}
header, footer { display: flex; flex-wrap: wrap; gap: .25rem 1rem; justify-content: space-between; align-items: center }
header { padding: 0 .25rem 1rem }
.brand { display: flex; gap: .5rem; align-items: center; font-weight: 600 }
.brand svg { width: 1.125rem; height: 1.125rem; fill: var(--blue) }
.status {
  display: flex; gap: .5rem; align-items: center; padding: .125rem .75rem .125rem .625rem; border-radius: 99px;
  background: var(--card); box-shadow: inset 0 0 0 1px var(--line); color: var(--tone); font-size: .875rem; font-weight: 600;
}
.status::before { content: ""; width: .5rem; height: .5rem; border-radius: 50%; background: currentColor }
main { padding: clamp(1.25rem, 5vw, 2.5rem); border-radius: 1rem; background: var(--card); box-shadow: var(--shadow) }
.kicker, .lead, .detail, .meter, .note, dt, footer { color: var(--soft); font-size: .875rem }
h1 { font-size: clamp(1.0625rem, 4.5vw, 1.375rem); font-weight: 600; line-height: 1.3; text-wrap: balance }
.answer { padding: clamp(1.5rem, 6vw, 2.5rem) 0 clamp(1.25rem, 5vw, 2rem) }
.lead { font-size: 1rem }
code { font: .8125rem/1 ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere }
.lead code { padding: .125rem .375rem; border-radius: .25rem; background: var(--page); color: var(--tone) }
.lead code:empty { display: none }
.headline { --size: clamp(2.5rem, 12vw, 4rem); font-size: 1.125rem; line-height: 1.4 }
.headline strong {
  display: block; font-size: var(--size); font-weight: 650; letter-spacing: -.03em;
  line-height: calc(1.15 * var(--size));
}
.headline span { display: block; min-height: 1.4em }
[data-status=Completed] .headline strong { color: var(--tone) }
/* A word needs less room than a number to be seen, and takes the same. */
:is([data-status=Pending], [data-status=Failed], [data-status=Terminated]) .headline strong {
  font-size: calc(.7 * var(--size));
}
.headline span:empty { display: none }
.detail { min-height: 5.1em; padding-top: .5rem; max-width: 34rem }
/* A failure's longer text has the line that its missing unit leaves. */
:is([data-status=Failed], [data-status=Terminated]) .detail { min-height: 6.9em }
@media (min-width: 40rem) {
  .headline strong, .headline span { display: inline }
  .headline strong { margin-right: .25rem }
  .detail, [data-status] .detail { min-height: 3.6em }
}
.announcement { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
progress {
  display: block; width: 100%; height: .625rem; border: 0; border-radius: 99px; overflow: hidden;
  appearance: none; background: var(--track);
}
progress::-webkit-progress-bar { background: var(--track) }
progress::-webkit-progress-value { border-radius: 99px; background: var(--tone) }
progress::-moz-progress-bar { border-radius: 99px; background: var(--tone) }
.meter { display: flex; justify-content: space-between; gap: 1rem; padding-top: .5rem }
.meter strong { color: var(--text); font-weight: 600 }
dt { font-weight: 400 }
dd { min-height: 1.5em }
.numbers { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; padding: clamp(1.25rem, 5vw, 2rem) 0 1rem }
.numbers dd { font-size: 1.25rem; font-weight: 600; letter-spacing: -.01em }
.numbers .note { font-size: .875rem; font-weight: 400; letter-spacing: 0 }
.times div { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1rem; padding: .5rem 0; border-top: 1px solid var(--line) }
.times dd { color: var(--soft); font-size: .875rem }
.times time { color: var(--text) }
.times div:last-child { padding-bottom: 0 }
@media (max-width: 22rem) { .times div { column-gap: .5rem } .times dd, .times dt { font-size: .8125rem } }
footer { min-height: 4rem; padding: 1rem .25rem 0; align-items: start }
@media (prefers-reduced-motion: no-preference) {
  progress::-webkit-progress-value { transition: width .5s ease-out, background-color .3s }
  progress::-moz-progress-bar { transition: width .5s ease-out, background-color .3s }
  [data-status=Running] .status::before { animation: breathe 2s ease-in-out infinite }
  @keyframes breathe { 50% { opacity: .3 } }
}
@media (forced-colors: active) { progress { appearance: auto } main { border: 1px solid } }
`;
