#include "frontend/dockerfile/json_form.h"

#include "frontend/dockerfile/unicode.h"
#include "util/error.h"

namespace dockerfile {

namespace {

constexpr std::size_t kMaxDepth = 10000;

void append_utf8(std::string& out, char32_t value) {
  if (value < 0x80) {
    out.push_back(static_cast<char>(value));
  } else if (value < 0x800) {
    out.push_back(static_cast<char>(0xc0 | (value >> 6)));
    out.push_back(static_cast<char>(0x80 | (value & 0x3f)));
  } else if (value < 0x10000) {
    out.push_back(static_cast<char>(0xe0 | (value >> 12)));
    out.push_back(static_cast<char>(0x80 | ((value >> 6) & 0x3f)));
    out.push_back(static_cast<char>(0x80 | (value & 0x3f)));
  } else {
    out.push_back(static_cast<char>(0xf0 | (value >> 18)));
    out.push_back(static_cast<char>(0x80 | ((value >> 12) & 0x3f)));
    out.push_back(static_cast<char>(0x80 | ((value >> 6) & 0x3f)));
    out.push_back(static_cast<char>(0x80 | (value & 0x3f)));
  }
}

/// A JSON recogniser without recursion that keeps the strings of the outermost array. Bytes that are no UTF-8 stay as
/// they are, which nlohmann's parser would refuse and so turn the whole instruction into a shell form.
class ArrayReader {
 public:
  explicit ArrayReader(std::string_view text) : text_(text) {}

  /// False when the text is not one JSON array.
  bool read() {
    skip_blanks();
    if (!take('[')) return false;
    open_.push_back('[');
    bool need_value = false;
    while (!open_.empty()) {
      skip_blanks();
      bool closed = !need_value && take(open_.back() == '[' ? ']' : '}');
      if (closed) {
        open_.pop_back();
      } else {
        if (open_.back() == '{' && !read_key()) return false;
        bool opened = false;
        if (!read_value(opened)) return false;
        if (opened) {
          need_value = false;
          continue;
        }
      }
      if (open_.empty()) break;
      // Behind a value only a comma or the end of what is open may follow.
      skip_blanks();
      need_value = take(',');
      if (!need_value && !at(open_.back() == '[' ? ']' : '}')) return false;
    }
    skip_blanks();
    return position_ == text_.size();
  }

  bool only_strings() const { return only_strings_; }
  std::vector<std::string> take_strings() { return std::move(strings_); }

 private:
  bool at(char c) const { return position_ < text_.size() && text_[position_] == c; }
  bool take(char c) {
    if (!at(c)) return false;
    ++position_;
    return true;
  }
  void skip_blanks() {
    while (at(' ') || at('\t') || at('\n') || at('\r')) ++position_;
  }

  bool read_key() {
    std::string ignored;
    if (!read_string(ignored)) return false;
    skip_blanks();
    if (!take(':')) return false;
    skip_blanks();
    return true;
  }

  bool read_value(bool& opened) {
    bool outermost = open_.size() == 1;
    if (at('"')) {
      std::string text;
      if (!read_string(text)) return false;
      if (outermost) strings_.push_back(std::move(text));
      return true;
    }
    only_strings_ = only_strings_ && !outermost;
    if (at('[') || at('{')) {
      if (open_.size() >= kMaxDepth) return false;
      open_.push_back(text_[position_++]);
      opened = true;
      return true;
    }
    return take_word("true") || take_word("false") || take_word("null") || read_number();
  }

  bool take_word(std::string_view word) {
    if (text_.substr(position_, word.size()) != word) return false;
    position_ += word.size();
    return true;
  }

  bool read_digits() {
    std::size_t first = position_;
    while (position_ < text_.size() && text_[position_] >= '0' && text_[position_] <= '9') ++position_;
    return position_ > first;
  }

  bool read_number() {
    take('-');
    if (!take('0') && !read_digits()) return false;
    if (take('.') && !read_digits()) return false;
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      return read_digits();
    }
    return true;
  }

  bool read_string(std::string& out) {
    if (!take('"')) return false;
    while (position_ < text_.size()) {
      char c = text_[position_++];
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\') {
        out.push_back(c);
      } else if (!read_escape(out)) {
        return false;
      }
    }
    return false;
  }

  bool read_escape(std::string& out) {
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kValues = "\"\\/\b\f\n\r\t";
    if (position_ == text_.size()) return false;
    char c = text_[position_++];
    if (std::size_t i = kNames.find(c); i != std::string_view::npos) {
      out.push_back(kValues[i]);
      return true;
    }
    std::optional<char32_t> unit;
    if (c == 'u') unit = read_hex();
    if (!unit) return false;
    if (*unit >= 0xd800 && *unit < 0xdc00 && text_.substr(position_, 2) == "\\u") {
      std::size_t before = position_;
      position_ += 2;
      std::optional<char32_t> low = read_hex();
      if (low && *low >= 0xdc00 && *low < 0xe000) {
        append_utf8(out, 0x10000 + ((*unit - 0xd800) << 10) + (*low - 0xdc00));
        return true;
      }
      position_ = before;
    }
    bool surrogate = *unit >= 0xd800 && *unit < 0xe000;
    append_utf8(out, surrogate ? 0xfffd : *unit);
    return true;
  }

  std::optional<char32_t> read_hex() {
    char32_t value = 0;
    for (int i = 0; i < 4; ++i) {
      if (position_ == text_.size()) return std::nullopt;
      char c = text_[position_++];
      char lower = static_cast<char>(c | 0x20);
      if (c >= '0' && c <= '9') {
        value = value * 16 + static_cast<char32_t>(c - '0');
      } else if (lower >= 'a' && lower <= 'f') {
        value = value * 16 + static_cast<char32_t>(lower - 'a' + 10);
      } else {
        return std::nullopt;
      }
    }
    return value;
  }

  std::string_view text_;
  std::size_t position_ = 0;
  std::string open_;
  bool only_strings_ = true;
  std::vector<std::string> strings_;
};

}  // namespace

std::optional<std::vector<std::string>> parse_json_form(std::string_view text) {
  text = unicode::trim_left(text);
  ArrayReader reader(text);
  if (!text.starts_with('[') || !reader.read()) return std::nullopt;
  if (!reader.only_strings()) {
    throw util::Error("when using JSON array syntax, the array must consist of strings only",
                      "put every element in double quotes, numbers too");
  }
  return reader.take_strings();
}

}  // namespace dockerfile
