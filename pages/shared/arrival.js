// A page begins at its top, and so does the keyboard.
export default ({ data }) => {
  const before = window.tlVisit
  window.tlVisit = data.visit
  if (before === data.visit || (before === undefined && data.visit === 1)) return
  const main = document.querySelector('[data-testid="stMain"]')
  const title = main?.querySelector("h1")
  main?.scrollTo(0, 0)
  if (!title) return
  title.tabIndex = -1
  title.style.outline = "none"
  title.focus({ preventScroll: true })
}
