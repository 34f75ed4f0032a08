package policy

import (
	"slices"
	"strings"
)

// What changed with the services: when each is contacted, who receives data
// through it, and what.

func (c *comparison) services() {
	for _, v := range c.new.Services {
		if before := c.old.Service(v.ID); before != nil {
			c.service(before, v)
			continue
		}
		ask := c.asks(v.Category.ID, inService, v.ID, "") && !c.fresh[v.Category.ID]
		c.addAt("", v.Field, c.about(v, Change{Kind: ChangeServiceNew, Substantial: true, Ask: ask, Type: TypeLoads, New: string(v.Loads)}))
		c.inherent(v)
	}
	for _, v := range c.old.Services {
		if c.new.Service(v.ID) == nil {
			c.addAt(v.Field, "", c.about(v, Change{Kind: ChangeServiceGone, Type: TypeLoads, Old: string(v.Loads)}))
		}
	}
}

// about completes a change that is about a service.
func (c *comparison) about(v *Service, change Change) Change {
	change.Category, change.Service = v.Category.ID, v.ID
	if change.Names == nil {
		change.Names = []string{v.Name.In("en")}
	}
	return change
}

// inherent takes as explained what goes without saying once a service is new, and
// tells who receives data through it.
func (c *comparison) inherent(v *Service) {
	c.implies(v.Category.ID, v.ID, inPurpose, inSends, inHost, inProfiling)
	for _, r := range v.recipients() {
		ask := c.asks(v.Category.ID, inRecipient, v.ID, r.Name) && !c.fresh[v.Category.ID]
		c.add(c.about(v, Change{Kind: ChangeRecipientNew, Substantial: true, Ask: ask, Names: []string{r.Name}, Field: r.Field}))
	}
}

// recipients returns the provider and the others, those that have a name.
func (v *Service) recipients() []*Recipient {
	var all []*Recipient
	if v.Provider.Name != "" {
		all = append(all, &v.Provider)
	}
	for i := range v.Recipients {
		if v.Recipients[i].Name != "" {
			all = append(all, &v.Recipients[i])
		}
	}
	return all
}

func (c *comparison) service(o, n *Service) {
	category := n.Category.ID
	gained := c.asks(category, inService, n.ID, "") && !c.fresh[category]
	if o.Category.ID != category {
		brings := false // trackers, which are asked about although the service may wait for use
		for _, t := range n.Trackers {
			brings = c.asks(category, inTracker, t.String(), "") || brings
			c.implies(category, t.String(), inTracker, inPurpose)
		}
		c.addAt(o.Field+".category", n.Field+".category", c.about(n, Change{
			Kind: ChangeMoved, Substantial: true, Ask: gained || brings && !c.fresh[category], Type: TypeCategory, Old: o.Category.ID, New: category,
		}))
	}
	if o.Loads != n.Loads {
		c.addAt(o.Field+".loads", n.Field+".loads", c.about(n, Change{
			Kind: ChangeLoads, Substantial: n.Loads.reach() > o.Loads.reach(), Ask: gained, Type: TypeLoads, Old: string(o.Loads), New: string(n.Loads),
		}))
	}
	if gained { // all of it is new to those who are asked
		c.implies(category, n.ID, inPurpose, inSends, inHost, inProfiling, inRecipient)
	}
	change := c.about(n, Change{})
	c.purpose(o.Purpose, n.Purpose, o.Field+".purpose", n.Field+".purpose", change, n.ID)
	c.sends(o, n)
	c.serves(o.Profiling, n.Profiling, ChangeProfiling, ChangeProfilingGone, inProfiling, o.Field+".profiling", n.Field+".profiling", change, n.ID)
	c.recipients(o, n)
	c.hosts(o, n)
	for _, t := range serviceTerms {
		c.term(o.Field, n.Field, t.key, change, t.term, t.value(o), t.value(n))
	}
}

// reach orders how freely a service is contacted.
func (l Loads) reach() int { return slices.Index([]Loads{LoadsOnConsent, LoadsOnUse, LoadsAlways}, l) }

func (c *comparison) sends(o, n *Service) {
	asks := c.asks(n.Category.ID, inSends, n.ID, "") && !c.fresh[n.Category.ID]
	langs, comparable := saysOtherwise(normalText(o.Sends), normalText(n.Sends))
	if !asks && (o.Sends.IsZero() || n.Sends.IsZero() || comparable && len(langs) == 0) {
		return
	}
	c.addAt(o.Field+".sends", n.Field+".sends", c.about(n, Change{Kind: ChangeSends, Substantial: true, Ask: asks, Langs: langs}))
}

// recipients compares who receives data: a provider that takes the place of
// another is a new recipient.
func (c *comparison) recipients(o, n *Service) {
	gone, added := pairs(o.recipients(), n.recipients(), func(before, now *Recipient) {
		c.recipient(o, n, before, now)
	}, func(r *Recipient) string { return normalName(r.Name) })
	for _, r := range added {
		ask := c.asks(n.Category.ID, inRecipient, n.ID, r.Name) && !c.fresh[n.Category.ID]
		c.addAt("", c.new.entityPath(r, n.Field), c.about(n, Change{Kind: ChangeRecipientNew, Substantial: true, Ask: ask, Names: []string{r.Name}}))
	}
	for _, r := range gone {
		c.addAt(c.old.entityPath(r, o.Field), "", c.about(n, Change{Kind: ChangeRecipientGone, Names: []string{r.Name}}))
	}
}

// entityPath is where the manifest writes the recipient; "" where the catalogue
// does, and for a provider, whose other fields are compared one by one.
func (s *Site) entityPath(r *Recipient, service string) string {
	switch r.Field {
	case service:
		return ""
	case service + ".provider":
		return r.Field + ".name"
	}
	return r.Field
}

func (c *comparison) recipient(before, v *Service, o, n *Recipient) {
	change := c.about(v, Change{Names: []string{n.Name}})
	if o.Name == n.Name && (o.Country != n.Country || mechanisms(o) != mechanisms(n)) {
		// It is named for what changes about it: one of them may be the catalogue's.
		for i, r := range []*Recipient{o, n} {
			if r.Field != []*Service{before, v}[i].Field {
				c.said[i][r.Field+".name"] = true
			}
		}
	}
	if o.Country != n.Country {
		ask := c.asks(v.Category.ID, inRecipient, v.ID, n.Name) && !c.fresh[v.Category.ID]
		change := change
		change.Kind, change.Ask, change.Substantial = ChangeCountry, ask, leavesEEA(o.Country, n.Country)
		change.Type, change.Old, change.New = TypeCountry, o.Country, n.Country
		c.addAt(o.Field+".country", n.Field+".country", change)
	}
	if old, new := mechanisms(o), mechanisms(n); old != new {
		change.Kind, change.Substantial, change.Type, change.Old, change.New = ChangeTransfer, true, TypeMechanism, old, new
		change.Field = n.Field + ".transfer"
		c.tellTransfer(o, n)
		c.add(change)
	}
}

// tellTransfer marks what names the mechanism; its documents are compared one by
// one.
func (c *comparison) tellTransfer(o, n *Recipient) {
	for i, r := range []*Recipient{o, n} {
		at, site := r.Field+".transfer", []*Site{c.old, c.new}[i]
		c.said[i][at+".mechanism"] = true
		for j := range r.Transfers {
			c.said[i][element(at, j)+".mechanism"] = true
			if site.entries.find(element(at, j)).isPlain() {
				c.said[i][element(at, j)] = true
			}
		}
		if site.entries.find(at).isPlain() {
			c.said[i][at] = true
		}
	}
}

// mechanisms lists what permits the transfers to a recipient.
func mechanisms(r *Recipient) string {
	list := make([]string, len(r.Transfers))
	for i, t := range r.Transfers {
		list[i] = string(t.Mechanism)
	}
	return strings.Join(list, ", ")
}

// hosts compares where a service is reached: what the old hosts do not take in is
// new, and what takes in new ones is now only those. The hosts of what is served
// by the site itself are never contacted.
func (c *comparison) hosts(o, n *Service) {
	beyond := func(a, b *Service) []string {
		return slices.DeleteFunc(a.contacted(), func(line string) bool {
			return slices.ContainsFunc(b.contacted(), func(other string) bool { return ParseHost(other).takesIn(ParseHost(line)) })
		})
	}
	for _, line := range beyond(n, o) {
		ask := c.asks(n.Category.ID, inHost, n.ID, line) && !c.fresh[n.Category.ID]
		c.addAt(o.Field+".hosts", n.Field+".hosts", c.about(n, Change{Kind: ChangeHostNew, Substantial: true, Ask: ask, Names: []string{line}}))
	}
	for _, line := range beyond(o, n) {
		within := slices.DeleteFunc(n.contacted(), func(other string) bool { return !ParseHost(line).takesIn(ParseHost(other)) })
		if len(within) > 0 {
			c.addAt(o.Field+".hosts", n.Field+".hosts", c.about(n, Change{Kind: ChangeValue, What: "service-hosts", Old: line, New: strings.Join(within, ", ")}))
			continue
		}
		c.addAt(o.Field+".hosts", n.Field+".hosts", c.about(n, Change{Kind: ChangeHostGone, Names: []string{line}}))
	}
}

func (v *Service) contacted() []string {
	if v.SelfHosted {
		return nil
	}
	return slices.Clone(v.Hosts)
}
