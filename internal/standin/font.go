package standin

import (
	"encoding/binary"
	"net/http"
	"slices"
	"unicode/utf16"
)

// mark is the one character of the font, of private use: a page that loads the font
// looks as it does without, for everything else comes from the next one it names.
const mark = 0xe000

// A table of a font: its number among the tables that WOFF2 knows, and its bytes.
type table struct {
	known byte
	data  []byte
}

// untransformed is the number of a table of outlines that is kept as it is.
const untransformed = 3 << 6

// tables are those of a TrueType font with an empty glyph, for what it lacks, and a
// square. Lengths are in thousandths of the type's size.
func tables() []table {
	square := slices.Concat(
		words(1, 50, 0, 450, 500, 3, 0), // one contour, its box, its last point; no instructions
		[]byte{1, 1, 1, 1},              // all points are on the curve
		words(50, 0, 400, 0),            // x of each, from the one before
		words(0, 500, 0, -500),          // y
	)
	return []table{
		{0, words(0, 1, 3, 1, 0, 12, 4, 32, 0, 4, 4, 1, 0, mark, 0xffff, 0, mark, 0xffff, 1-mark, 1, 0, 0)},           // cmap
		{1, words(1, 0, 1, 0, 0, 0, 0x5f0f, 0x3cf5, 0, 1000, 0, 0, 0, 0, 0, 0, 0, 0, 50, 0, 450, 500, 0, 8, 2, 0, 0)}, // head
		{2, words(1, 0, 800, -200, 0, 500, 50, 50, 450, 1, 0, 0, 0, 0, 0, 0, 0, 2)},                                   // hhea
		{3, words(500, 0, 500, 50)},                                // hmtx
		{4, words(1, 0, 2, 4, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0)}, // maxp
		{5, names("Standin", "Regular")},                           // name
		{6, words(slices.Concat([]int{4, 500, 400, 5, 0, 650, 600, 0, 75, 650, 600, 0, 350, 50, 300, 0}, make([]int, 15), // OS/2
			[]int{0x40, mark, mark, 800, -200, 0, 800, 200, 0, 0, 0, 0, 500, 500, 0, 32, 0})...)},
		{7, words(3, 0, 0, 0, -100, 50, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)}, // post
		{10 | untransformed, square},                                   // glyf
		{11 | untransformed, words(0, 0, len(square)/2)},               // loca
	}
}

// words are numbers of two bytes, the higher first.
func words(all ...int) []byte {
	var b []byte
	for _, w := range all {
		b = binary.BigEndian.AppendUint16(b, uint16(w))
	}
	return b
}

// names is the table of a family's name and of a style's.
func names(texts ...string) []byte {
	records, letters := words(0, len(texts), 6+12*len(texts)), []byte{}
	for i, text := range texts {
		var encoded []byte
		for _, unit := range utf16.Encode([]rune(text)) {
			encoded = binary.BigEndian.AppendUint16(encoded, unit)
		}
		records = append(records, words(3, 1, 0x409, i+1, len(encoded), len(letters))...)
		letters = append(letters, encoded...)
	}
	return append(records, letters...)
}

// woff2 makes a file of tables, as https://www.w3.org/TR/WOFF2/ has it.
func woff2(tables []table) []byte {
	var directory, data []byte
	size := 12 + 16*len(tables)
	for _, t := range tables {
		directory = append(directory, t.known)
		if n := len(t.data); n >= 128 {
			directory = append(directory, 128|byte(n>>7))
		}
		directory = append(directory, byte(len(t.data)&127))
		data = append(data, t.data...)
		size += (len(t.data) + 3) &^ 3
	}
	data = stored(data)
	length := 48 + len(directory) + len(data)
	file := []byte("wOF2\x00\x01\x00\x00")
	for _, w := range []int{(length + 3) &^ 3, len(tables) << 16, size, len(data), 1 << 16, 0, 0, 0, 0, 0} {
		file = binary.BigEndian.AppendUint32(file, uint32(w))
	}
	file = slices.Concat(file, directory, data)
	return append(file, make([]byte, -length&3)...)
}

// stored is a Brotli stream (RFC 7932) that holds up to 64 KiB as they are: a window
// of 64 KiB, a block that is not compressed, and an empty last one.
func stored(data []byte) []byte {
	head := uint32(len(data)-1)<<4 | 1<<20
	return slices.Concat([]byte{byte(head), byte(head >> 8), byte(head >> 16)}, data, []byte{3})
}

func font(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "font/woff2")
	_, _ = w.Write(woff2(tables()))
}
