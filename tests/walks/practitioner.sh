# A practitioner: a folder of photographs, a classifier, its mistakes, new photographs, and a file for a phone.
source "$(dirname "$0")/said.sh"

pictures photographs 24
echo damaged > photographs/day/bad.jpg
mkdir photographs/empty
refused "bad.jpg" nasnet-finetune --model=mnasnet_tiny_imagenet --train_dir=photographs --workdir=mine
heard "empty"
heard "skip_unreadable"
test ! -e mine/result.json

said "mnasnet_tiny_imagenet +.*%" nasnet-finetune --list
refused "did you mean.*mnasnet_tiny_imagenet" nasnet-finetune --model=mnasnet-tiny-imagenet --train_dir=photographs
said "accuracy" nasnet-finetune --model=mnasnet_tiny_imagenet --train_dir=photographs --workdir=mine --epochs=1 \
  --skip_unreadable --name=light
heard "bad.jpg"
heard "Next:"
heard "nasnet-predict"
said "Next:" nasnet-finetune --model=mnasnet_tiny_imagenet --train_dir=photographs --workdir=mine --epochs=2 \
  --skip_unreadable --name=light
test -d mine/until_epoch_1

cp -r photographs/day new
refused "bad.jpg" nasnet-predict --model=mine --images=new --output=answers.csv
test "$code" = 3
test "$(head -n 1 answers.csv)" = "path,label,probability,probability_day,probability_night,error"
test "$(wc -l < answers.csv)" = 26
said "'(day|night)'" python -c "from nasnet_keras import pretrained; print(pretrained.Classifier('mine')('new/00.jpg'))"

rm -r photographs/day/bad.jpg photographs/empty
said "accuracy" nasnet-export --model=mine --output=phone.tflite --quantization=int8 --calibration_dir=photographs \
  --labels=photographs --min_agreement=0.5
heard "phone.tflite.labels.txt"
test "$(cat phone.tflite.labels.txt)" = "$(printf 'day\nnight')"
ran "" nasnet-latency phone.tflite --accuracy=0.5
told " ms|too busy to measure"
