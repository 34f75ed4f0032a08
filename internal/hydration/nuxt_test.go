package hydration

import "testing"

func TestWhatASuspendedPartBringsIsHeld(t *testing.T) {
	w := start(t, nuxt, "")
	w.arrive("/suspended", "suspended", true)
	w.Until(`isHeld(frame('late'))`)
	w.works()
	w.arrive("/", "first", true)
	w.follow("/suspended", "suspended")
	w.Until(`isHeld(frame('late'))`)
	w.kept(true)
	w.nothing()
	w.Run(`press('accept')`)
	w.wait("video.localhost/late.html")
	w.quiet()
}
