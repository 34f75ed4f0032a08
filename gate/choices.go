package gate

import (
	"sync"

	"github.com/temoin/temoin/consent"
)

// choices remembers what cookies say: reading one costs more than all else that is done
// to a request. A choice is immutable, and what a cookie says never changes; whether it
// is still in force is asked each time. Values that are no choice are not remembered, so
// that nobody fills the room with them.
type choices struct {
	codec *consent.Codec

	mu         sync.RWMutex
	young, old map[string]*consent.Choice
}

// generation is how many choices are young: about 2 MB of them, old ones included.
const generation = 2048

func (c *choices) read(value string) *consent.Choice {
	c.mu.RLock()
	choice, young := c.young[value]
	if !young {
		choice = c.old[value]
	}
	c.mu.RUnlock()
	if young {
		return choice
	}
	if choice == nil {
		choice = c.codec.Decode(value)
	}
	if choice != nil {
		c.keep(value, choice)
	}
	return choice
}

func (c *choices) keep(value string, choice *consent.Choice) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.young) >= generation {
		c.old, c.young = c.young, nil
	}
	if c.young == nil {
		c.young = make(map[string]*consent.Choice, generation/8)
	}
	c.young[value] = choice
}
