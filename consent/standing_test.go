package consent

import (
	"math/rand/v2"
	"testing"
	"time"
)

// What stands decides alone as browser and account do together.
func TestTheStandingChoiceDecidesAsBrowserAndAccountDo(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // no secret
	kinds := map[string]int{}
	for _, scope := range []string{"scope: account", "scope: account, conflict: account", "scope: device"} {
		s := site(t, scope)
		made := func() *Choice {
			if random.IntN(4) == 0 {
				return nil
			}
			at := noon.Add(-time.Duration(random.IntN(240)) * 24 * time.Hour)
			id, err := NewID(at, random64{random})
			if err != nil {
				t.Fatal(err)
			}
			c := Choose(s, id, at, func(string) bool { return random.IntN(2) == 0 })
			for len(c.Answers) > 0 && random.IntN(3) == 0 {
				i := random.IntN(len(c.Answers))
				c.Answers = append(c.Answers[:i], c.Answers[i+1:]...)
			}
			return c
		}
		for range 2000 {
			device, account := made(), made()
			signals := Signals{Account: account, SignedIn: random.IntN(4) > 0, GPC: random.IntN(4) == 0}
			stands := Standing(s, device, signals, noon)
			got, want := Decide(s, stands, Signals{GPC: signals.GPC}, noon), Decide(s, device, signals, noon)
			if got.Answers() != want.Answers() || got.Notice != want.Notice || got.asked != want.asked || got.granted != want.granted || got.services != want.services {
				t.Fatalf("%s: by %+v: %+v; by the browser's %+v and the account's %+v: %+v", scope, stands, got, device, account, want)
			}
			switch {
			case stands == nil:
				kinds["none"]++
			case stands == device:
				kinds["device"]++
			case stands == account:
				kinds["account"]++
			default:
				kinds["both"]++
				if !stands.InForce(s, noon) || stands.ID != device.ID && stands.ID != account.ID {
					t.Fatalf("%+v is of neither %+v nor %+v, or has ended", stands, device, account)
				}
			}
		}
	}
	for _, kind := range []string{"none", "device", "account", "both"} {
		if kinds[kind] == 0 {
			t.Errorf("none was met with %s", kind)
		}
	}
}

// random64 reads random numbers.
type random64 struct{ *rand.Rand }

func (r random64) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	return len(p), nil
}
