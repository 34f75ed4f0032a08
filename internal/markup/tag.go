package markup

import "math/bits"

// A found attribute counts for its element. Its places are offsets into the bytes that
// were read.
type found struct {
	attribute attribute
	action    action
	name      int // where its name begins
	nameEnd   int
	value     int // where its value begins, without a quote
	valueEnd  int
	end       int // behind its value's quote, or its name
}

// A tag is a start tag, read.
type tag struct {
	element    element
	selfCloses bool
	begin      int // of "<"
	nameEnd    int
	end        int // behind ">"
	found      []found
}

// unended is what is returned of a tag whose end has not come yet.
const unended = -1

// readTag reads the start tag at d[i] into m.tag and returns where it ends. Of its attributes
// those are kept that are wanted by the plan.
func (m *Writer) readTag(d []byte, i int, p *plan) int {
	n := i + 1
	for n < len(d) && class[d[n]]&endsName == 0 || n < len(d) && d[n] == '=' {
		n++
	}
	if n == len(d) {
		return unended
	}
	t := &m.tag
	t.element = element(elementLexicon.find(d, i+1, n))
	t.begin, t.nameEnd, t.selfCloses = i, n, false
	t.found = t.found[:0]
	if d[n] == '>' {
		t.end = n + 1
		return n + 1
	}
	return m.readAttributes(d, n, p.wanted[t.element])
}

// readAttributes reads from behind the name of a tag.
func (m *Writer) readAttributes(d []byte, i int, wanted uint64) int {
	t := &m.tag
	for {
		if i = m.readPlain(d, i, wanted); i == unended {
			return unended
		}
		slash := false
		for i < len(d) && class[d[i]]&isBlank != 0 || i < len(d) && d[i] == '/' {
			slash = d[i] == '/'
			i++
		}
		if i == len(d) {
			return unended
		}
		if d[i] == '>' {
			t.selfCloses, t.end = slash, i+1
			return i + 1
		}
		f := found{name: i}
		i++ // whatever it is, "=" too
		for i < len(d) && class[d[i]]&endsName == 0 {
			i++
		}
		f.nameEnd = i
		if i = readValue(d, i, &f); i == unended {
			return unended
		}
		if a := attributeLexicon.find(d, f.name, f.nameEnd); a != 0 && wanted>>a&1 != 0 {
			f.attribute = attribute(a)
			t.found = append(t.found, f)
		}
	}
}

// readPlain reads attributes that are written as most are: a blank, a short name and a value in
// quotes. It returns where the first other one begins.
func (m *Writer) readPlain(d []byte, i int, wanted uint64) int {
	for i+12 < len(d) && d[i] == ' ' {
		w := word(d, i+1)
		equals, below := first(zeros(w ^ '='*ones))
		if equals <= 1<<7 || (small(w)|zeros(w^'>'*ones))&below != 0 {
			return i
		}
		n := bits.TrailingZeros64(equals) >> 3
		value := i + 3 + n
		quote := d[value-1]
		if quote != '"' && quote != '\'' {
			return i
		}
		end := value
		if value+8 > len(d) {
			return i
		} else if marks := zeros(word(d, value) ^ uint64(quote)*ones); marks != 0 {
			end += bits.TrailingZeros64(marks) >> 3
		} else if end = find(d, value+8, quote); end < 0 {
			return unended
		}
		if a := attributeLexicon.short((w|lower8)&(below>>7), n); wanted>>a&1 != 0 {
			m.tag.found = append(m.tag.found, found{attribute: attribute(a), name: i + 1, nameEnd: i + 1 + n, value: value, valueEnd: end, end: end + 1})
		}
		i = end + 1
	}
	return i
}

// readValue reads what stands behind the name of an attribute, and returns where it ends.
func readValue(d []byte, i int, f *found) int {
	for i < len(d) && class[d[i]]&isBlank != 0 {
		i++
	}
	f.value, f.valueEnd, f.end = f.nameEnd, f.nameEnd, f.nameEnd
	if i == len(d) {
		return unended
	}
	if d[i] != '=' {
		return i
	}
	if i = skipBlank(d, i+1); i == len(d) {
		return unended
	}
	switch c := d[i]; c {
	case '"', '\'':
		end := find(d, i+1, c)
		if end < 0 {
			return unended
		}
		f.value, f.valueEnd, f.end = i+1, end, end+1
	case '>':
		f.value, f.valueEnd, f.end = i, i, i
	default:
		f.value = i
		for i < len(d) && class[d[i]]&isBlank == 0 && d[i] != '>' {
			i++
		}
		if i == len(d) {
			return unended
		}
		f.valueEnd, f.end = i, i
	}
	return f.end
}

// get returns the first attribute of a name, nil if the tag has none: later ones do not count.
func (t *tag) get(a attribute) *found {
	for i := range t.found {
		if t.found[i].attribute == a {
			return &t.found[i]
		}
	}
	return nil
}

// value returns what an attribute says as it stands in the page.
func (m *Writer) value(d []byte, a attribute) (v []byte, ok bool) {
	f := m.tag.get(a)
	if f == nil {
		return nil, false
	}
	return d[f.value:f.valueEnd], true
}
